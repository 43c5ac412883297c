"""The client, `benches/load`. One door: `Driver`."""

import itertools
import json
import subprocess
import time

from . import build
from .process import Process
from .setup import host

MOST = 5_000_000
# of all clients of this run
NUMBERS = itertools.count(1)


class Driver:
    def __init__(self, bed):
        self.bed, self.program = bed, build.folder() / "examples/load"

    def command(self, peer, scenario, *flags, connections=None):
        scheme, port = ("https", peer.https) if scenario.secure else ("http", peer.http)
        tls = ("--cacert", self.bed.folder / "ca.pem") if scenario.secure else ()
        name = host(scenario.routes // 2)
        return [self.program, f"{scheme}://{name}{scenario.path}", "--connect", f"127.0.0.1:{port}", *tls, *scenario.flags,
                "--connections", connections or scenario.connections, "--format", "json", *flags]

    def start(self, command):
        number = next(NUMBERS)
        out, err = (self.bed.folder / f"load-{number}.{kind}" for kind in ("out", "err"))
        process = Process(command, self.bed.cpus[1], out, err)
        process.out = out
        return process

    def result(self, process, patience):
        """What it has found out. One that does not end in time is ended, and counts as one that failed."""
        try:
            process.child.wait(patience)
            return json.loads(process.out.read_text())
        except (subprocess.TimeoutExpired, json.JSONDecodeError):
            return None
        finally:
            process.stop()

    def closed(self, peer, scenario, seconds):
        command = self.command(peer, scenario, "--closed", "--for", f"{int(seconds * 1000)}ms", "--requests", MOST)
        return self.result(self.start(command), seconds * 3 + 20)

    def idle(self, peer, scenario, number, rate, seconds):
        """So many connections that make one request each and are then held."""
        return self.start(self.command(peer, scenario, "--rate", rate, "--requests", number, "--hold", f"{int(seconds)}s",
                                       connections=number))

    @staticmethod
    def is_held(client, patience):
        """Waits until all of them are idle."""
        end = time.monotonic() + patience
        while client.is_alive() and time.monotonic() < end:
            if "holding" in client.last_words():
                return True
            time.sleep(0.05)
        return False

    def open(self, peer, scenario, rate, seconds, connections=None):
        warm = () if "--new-connection" in scenario.flags else ("--warm",)
        command = self.command(peer, scenario, "--rate", rate, "--for", f"{int(seconds * 1000)}ms", *warm,
                               connections=connections)
        return self.start(command)
