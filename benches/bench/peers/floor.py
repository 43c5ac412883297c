"""The floor: two reads and two writes for a small request, nothing parsed. What no proxy can be below there."""

from .. import build
from .peer import Peer


class Floor(Peer):
    name = "floor"
    can = frozenset({"websocket"})

    missing = "it is not built"

    @classmethod
    def find(cls):
        program = build.folder() / "examples/relay"
        return str(program) if program.exists() else None

    @classmethod
    def version(cls):
        return "a minimal relay, no log, no metrics"

    def write(self):
        """It has no configuration."""

    def command(self):
        return [self.find(), f"127.0.0.1:{self.http}", f"127.0.0.1:{self.setup.app}"]
