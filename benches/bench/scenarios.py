"""What is measured. One door: `ALL`; a scenario reads as a command line of the client."""

from dataclasses import dataclass

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    # of the client, besides where it connects
    flags: tuple
    needs: frozenset = frozenset()
    path: str = "/"
    connections: int = 64
    # which of the hosts is asked for, of how many
    routes: int = 1
    # one request moves so many bytes of a body
    body: int = 0

    @property
    def secure(self):
        return "tls" in self.needs


def of(name, title, *flags, needs=(), **more):
    return Scenario(name, title, flags, frozenset(needs), **more)


SIZE = ("--expect-size", "64")
ALL = (
    of("small", "small GET, keep-alive, one header", *SIZE),
    of("fifteen", "small GET, keep-alive, a browser's 15 headers", "--fifteen", *SIZE),
    of("connect", "a new connection a request", "--new-connection", *SIZE, needs=["pool"]),
    of("tls", "TLS keep-alive", *SIZE, needs=["tls"]),
    of("handshake", "a full TLS handshake a request", "--new-connection", *SIZE, needs=["tls"]),
    # the client keeps eight tickets: more connections than that at once would be full handshakes for the rest
    of("resumed", "a resumed TLS session a request", "--new-connection", "--resume", *SIZE, needs=["tls"], connections=4),
    of("http2", "HTTP/2 over TLS, 16 connections x 32 streams", "--http2", "--streams", "32", *SIZE,
       needs=["tls", "http2"], connections=16),
    of("http2-100", "HTTP/2 over TLS, 1 connection x 100 streams", "--http2", "--streams", "100", *SIZE,
       needs=["tls", "http2"], connections=1),
    of("download", "1 MiB answer", "--expect-size", str(MEBIBYTE), path=f"/bytes/{MEBIBYTE}", connections=8, body=MEBIBYTE),
    of("upload", "1 MiB upload", "--upload", "1MiB", connections=8, body=MEBIBYTE),
    of("routes", "small GET, the middle of 1,000 routes", *SIZE, needs=["routes"], routes=1000),
    of("websocket", "WebSocket, 64 bytes there and back", "--websocket=64B", needs=["websocket"]),
)
NAMES = tuple(scenario.name for scenario in ALL)
BY_NAME = {scenario.name: scenario for scenario in ALL}
