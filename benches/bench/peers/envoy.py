"""Envoy; its routes are in a file of their own that it watches (RDS by file)."""

import json
import re

from .. import cache
from .peer import Peer, put


class Envoy(Peer):
    name, program, template = "envoy", "envoy", "envoy.yaml"

    @classmethod
    def find(cls):
        """The program itself: the wheel's `envoy` is a script that starts it."""
        in_wheel = next(iter(cache.envoy().glob("lib/python3*/site-packages/envoy/_bin/envoy*")), None)
        return str(in_wheel) if in_wheel else super().find()

    @classmethod
    def version(cls):
        told = re.search(r"/(\d+\.\d+\.\d+)/", super().version())
        return f"envoy {told[1]}" if told else "unknown"

    def table(self):
        route = {"match": {"prefix": "/"}, "route": {"cluster": "app", "timeout": "0s"}}
        fields = {"X-Real-IP": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "X-Forwarded-Host": "%REQ(:AUTHORITY)%",
                  "X-Forwarded-Port": "%DOWNSTREAM_LOCAL_PORT%"}
        add = [{"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
               for key, value in fields.items()]
        hosts = [{"name": host, "domains": [host, f"{host}:*"], "routes": [route]} for host in self.setup.hosts()]
        table = {"@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration", "name": "routes",
                 "request_headers_to_add": add, "virtual_hosts": hosts}
        return json.dumps({"version_info": str(self.setup.generation), "resources": [table]})

    def write(self):
        put(self.setup.folder / "envoy-routes" / "routes.yaml", self.table())
        super().write()

    def check(self):
        return [self.find(), "--mode", "validate", "-c", self.config, "-l", "error"]

    def command(self):
        return [self.find(), "-c", self.config, "--concurrency", self.setup.workers, "--disable-hot-restart", "-l", "warn"]

    def reload(self, process):
        """It watches the folder for files that are moved in."""
