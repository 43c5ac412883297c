"""gatepost, as `benches/run` has built it."""

from .. import build
from .peer import Peer


class Gatepost(Peer):
    name, template = "gatepost", "gatepost.yaml"

    missing = "it is not built"

    @classmethod
    def find(cls):
        program = build.folder() / "gatepost"
        return str(program) if program.exists() else None

    def routes(self):
        return "".join(f"  - {{host: {host}, backend: '127.0.0.1:{self.setup.app}'}}\n" for host in self.setup.hosts())

    def check(self):
        return [self.find(), "check", self.config]

    def command(self):
        return [self.find(), "serve", "--routes", self.config, "--http", f"127.0.0.1:{self.http}", "--https",
                f"127.0.0.1:{self.https}", "--admin", f"127.0.0.1:{self.metrics}", "--workers", self.setup.workers,
                "--log-level", "warn"]

    def output(self):
        return self.log

    def reload(self, process):
        """It watches the file."""
