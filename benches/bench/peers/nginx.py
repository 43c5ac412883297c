"""nginx: a master and its workers."""

import os
import signal

from .peer import Peer


class Nginx(Peer):
    name, program, template = "nginx", "nginx", "nginx.conf"
    # each has a TLS context of its own: 10,000 take most of a GiB
    most_routes = 10_000
    ask_version = ("-v",)

    def routes(self):
        server = ("  server {{ listen {http}; listen {https} ssl http2; server_name {host}; "
                  "location / {{ proxy_pass http://app; }} }}\n")
        at = {"http": f"127.0.0.1:{self.http}", "https": f"127.0.0.1:{self.https}"}
        return "".join(server.format(host=host, **at) for host in self.setup.hosts())

    def check(self):
        return [self.find(), "-t", "-q", "-p", self.setup.folder, "-c", self.config]

    def command(self):
        return [self.find(), "-p", self.setup.folder, "-c", self.config]

    def reload(self, process):
        os.kill(process.pid, signal.SIGHUP)
