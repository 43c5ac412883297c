"""HAProxy: a master and its worker; hosts are in a map file, as its manual tells for many of them."""

import os
import signal

from .peer import Peer, put


class Haproxy(Peer):
    name, program, template = "haproxy", "haproxy", "haproxy.cfg"
    ask_version = ("-v",)

    def write(self):
        put(self.setup.folder / "haproxy.map", "".join(f"{host} app\n" for host in self.setup.hosts()))
        super().write()

    def check(self):
        return [self.find(), "-c", "-q", "-f", self.config]

    def command(self):
        return [self.find(), "-W", "-db", "-f", self.config]

    def output(self):
        return self.log

    def reload(self, process):
        os.kill(process.pid, signal.SIGUSR2)
