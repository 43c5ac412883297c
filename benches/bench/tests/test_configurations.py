"""Every configuration is filled to the last place, and accepted by the program that it is for."""

import pathlib
import subprocess
import tempfile
import unittest

from bench import bed, peers, template
from bench.setup import Setup


class Configurations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kept = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.kept.name)
        bed.make_certificate(cls.folder)
        for name in ("body", "proxy", "fastcgi", "uwsgi", "scgi"):
            (cls.folder / f"nginx-{name}").mkdir()

    @classmethod
    def tearDownClass(cls):
        cls.kept.cleanup()

    def written(self, kind, **more):
        path = self.folder
        peer = kind(Setup(path, 28100, 28104, 1, path / "host.pem", path / "host.key", path / "bundle.pem", **more))
        peer.write()
        return peer

    def test_no_place_is_left_and_every_host_is_there(self):
        for kind in peers.ALL:
            peer = self.written(kind, routes=3)
            if not peer.template:
                continue
            text = "".join(path.read_text() for path in self.folder.rglob("*") if path.is_file())
            self.assertIsNone(template.PLACE.search(peer.config.read_text()), kind.name)
            for host in peer.setup.hosts():
                self.assertIn(host, text, kind.name)

    def test_a_place_without_a_value_is_refused(self):
        with self.assertRaises(KeyError):
            template.fill("listen {{port}}", {})

    def test_each_program_accepts_its_configuration(self):
        for kind in peers.ALL:
            if not kind.find():
                continue
            for routes in (1, 1000):
                command = self.written(kind, routes=routes).check()
                if command:
                    judged = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)
                    self.assertEqual(judged.returncode, 0, f"{kind.name}: {judged.stdout}{judged.stderr}"[-2000:])

    def test_no_two_peers_share_a_port(self):
        ports = [port for kind in peers.ALL for peer in [self.written(kind)] for port in (peer.http, peer.https, peer.metrics)]
        self.assertEqual(len(ports), len(set(ports)))
