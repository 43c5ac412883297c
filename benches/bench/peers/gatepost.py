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
        hosts = self.setup.hosts()
        # a file has 4 MiB at most: of very many hosts a hundred share an entry
        size = 1 if len(hosts) <= 11_000 else 100
        return "".join(f"  - {{hosts: [{', '.join(hosts[at:at + size])}], backend: '127.0.0.1:{self.setup.app}'}}\n"
                       for at in range(0, len(hosts), size))

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
