"""Caddy; its workers are the threads that Go may run at once."""

import urllib.request

from .peer import Peer


class Caddy(Peer):
    name, program, template = "caddy", "caddy", "Caddyfile"
    # it asks host after host, and with more is not there in time
    most_routes = 1000
    ask_version = ("version",)

    def routes(self):
        lines = []
        for number, host in enumerate(self.setup.hosts()):
            lines += [f"\t@h{number} host {host}", f"\thandle @h{number} {{", "\t\timport app", "\t}"]
        return "\n".join([*lines, "\thandle {", "\t\trespond 404", "\t}"])

    def check(self):
        return [self.find(), "validate", "--adapter", "caddyfile", "--config", self.config]

    def command(self):
        return [self.find(), "run", "--adapter", "caddyfile", "--config", self.config]

    def environment(self):
        return {"GOMAXPROCS": str(self.setup.workers), "HOME": str(self.setup.folder),
                "XDG_CONFIG_HOME": str(self.setup.folder)}

    def reload(self, process):
        """What `caddy reload` does, without a process for each."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.metrics}/load", self.config.read_bytes(),
                                         {"Content-Type": "text/caddyfile", "Cache-Control": "must-revalidate"})
        urllib.request.urlopen(request, timeout=10).close()
