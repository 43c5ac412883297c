"""What is asked of every proxy. One door: `Peer`; a proxy overrides what it does in its own way."""

import os
import pathlib
import shutil
import subprocess

from .. import template

TEMPLATES = pathlib.Path(__file__).resolve().parents[2] / "peers"
# what a scenario may need of a peer
EVERYTHING = frozenset({"routes", "tls", "http2", "websocket", "pool"})


class Peer:
    name = ""
    program = ""
    template = ""
    can = EVERYTHING
    # with more it is not started
    most_routes = 100_000
    # what is said when it is not there
    missing = "it is not installed; --install fetches it"

    def __init__(self, setup):
        self.setup = setup
        place = ORDER.index(self.name) * 4
        self.http, self.https, self.metrics = (setup.first_port + place + more for more in (0, 1, 2))

    @classmethod
    def find(cls):
        """Where the program is, or None."""
        sbin = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"])
        return shutil.which(cls.program, path=sbin)

    @classmethod
    def version(cls):
        return first_line(subprocess.run([cls.find(), *cls.ask_version], capture_output=True, text=True, timeout=20))

    ask_version = ("--version",)

    @property
    def log(self):
        return self.setup.folder / f"{self.name}-access.log"

    @property
    def config(self):
        return self.setup.folder / f"{self.name}-{self.template}"

    def values(self):
        setup = self.setup
        at = {"http": self.http, "https": self.https, "metrics": self.metrics, "app": setup.app}
        return {
            **{name: f"127.0.0.1:{port}" for name, port in at.items()},
            **{f"{name}_port": port for name, port in at.items()},
            "folder": setup.folder, "log": self.log, "workers": setup.workers, "files": setup.files,
            "connections": setup.connections, "certificate": setup.certificate, "key": setup.key,
            "bundle": setup.bundle, "routes": self.routes(),
        }

    def routes(self):
        """The part of the configuration that has an entry for each host."""
        return ""

    def write(self):
        """The configuration, whole or not at all."""
        put(self.config, template.fill((TEMPLATES / self.template).read_text(), self.values()))

    def check(self):
        """A command that judges the configuration, or None."""
        return None

    def command(self):
        raise NotImplementedError

    def environment(self):
        return {}

    def output(self):
        """Where standard output goes."""
        return self.setup.folder / f"{self.name}.out"

    def reload(self, process):
        """Brings the configuration that was written into force."""
        raise NotImplementedError


ORDER = ("gatepost", "nginx", "haproxy", "envoy", "caddy", "floor")


def put(path, text):
    path.parent.mkdir(exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)


def first_line(done):
    return next(iter((done.stdout + done.stderr).strip().splitlines()), "unknown").strip()
