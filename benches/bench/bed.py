"""The app and the peers, running. One door: `Bed`."""

import http.client
import pathlib
import shutil
import socket
import subprocess
import time

from . import build, machine
from .process import Process
from .setup import HOST, Setup

PATIENCE = 15.0


class Bed:
    def __init__(self, folder, options, notes):
        self.folder, self.options, self.notes = pathlib.Path(folder), options, notes
        self.cpus = machine.pinning(options.workers)
        self.files = machine.raise_files()
        self.app_port = options.port
        make_certificate(self.folder)
        for name in ("body", "proxy", "fastcgi", "uwsgi", "scgi"):
            (self.folder / f"nginx-{name}").mkdir()

    def setup(self, **more):
        path = self.folder
        return Setup(path, self.app_port, self.options.port + 4, self.options.workers, path / "host.pem",
                     path / "host.key", path / "bundle.pem", files=self.files, **more)

    def start_app(self):
        require_free(self.app_port)
        app = Process([build.folder() / "examples/app", f"127.0.0.1:{self.app_port}"], self.cpus[2],
                      "/dev/null", self.folder / "app.err")
        until_answer(app, self.app_port, HOST)
        return app

    def start(self, peer):
        """The peer runs and has answered; and how many milliseconds that took."""
        for port in (peer.http, peer.https, peer.metrics):
            require_free(port)
        peer.write()
        process = Process(peer.command(), self.cpus[0], peer.output(), self.folder / f"{peer.name}.err",
                          peer.environment())
        until_answer(process, peer.http, HOST)
        return process, (time.monotonic() - process.started) * 1000

    def start_all(self, kinds, **more):
        """Those that come up, by name, with their processes; the others leave a note."""
        up = {}
        for kind in kinds:
            peer = kind(self.setup(**more))
            try:
                process, millis = self.start(peer)
            except Silent as silent:
                self.notes.append(str(silent))
                continue
            up[peer.name] = (peer, process, millis)
        return up

    @staticmethod
    def stop(up):
        for _, process, _ in up.values():
            process.stop()


class Silent(Exception):
    """A program that does not answer."""


def require_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise SystemExit(f"benches/run: port {port} is busy; see who has it with `ss -ltnp`, or give another first "
                             f"port with --port") from None


def answers(port, host):
    asker = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        asker.request("GET", "/", headers={"Host": host})
        return asker.getresponse().status == 200
    except OSError:
        return False
    except http.client.HTTPException:
        return False
    finally:
        asker.close()


def until_answer(process, port, host):
    end = time.monotonic() + PATIENCE
    while not answers(port, host):
        if not process.is_alive() or time.monotonic() > end:
            words = process.last_words()
            process.stop()
            raise Silent(f"{pathlib.Path(process.command[0]).name} does not answer: {words or 'it said nothing'}")
        time.sleep(0.002)


def make_certificate(folder):
    if not shutil.which("openssl"):
        raise SystemExit("benches/run: openssl is missing (Debian: apt-get install openssl)")

    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, cwd=folder, stderr=subprocess.DEVNULL, timeout=60)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *curve, "-days", "2", "-subj", "/CN=bench CA", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *curve, "-subj", f"/CN={HOST}", "-keyout", "host.key", "-out", "host.csr")
    (folder / "san").write_text(f"subjectAltName=DNS:{HOST}")
    openssl("x509", "-req", "-in", "host.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-out", "host.pem",
            "-extfile", "san")
    (folder / "bundle.pem").write_text((folder / "host.pem").read_text() + (folder / "host.key").read_text())
