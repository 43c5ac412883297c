"""What every peer gets alike. One door: `Setup`."""

import pathlib
from dataclasses import dataclass, field

HOST = "www.example.com"


def host(number):
    """The host of route `number`: the first is that of the certificate."""
    return HOST if number == 0 else f"app-{number:06}.example.com"


@dataclass
class Setup:
    folder: pathlib.Path
    app: int
    first_port: int
    workers: int
    certificate: pathlib.Path
    key: pathlib.Path
    bundle: pathlib.Path
    routes: int = 1
    # raised by one for each reload; the table has a host named after it
    generation: int = 0
    # connections from clients at most
    connections: int = 4096
    files: int = 20000
    extra: dict = field(default_factory=dict)

    def hosts(self):
        return [host(number) for number in range(self.routes)] + [f"generation-{self.generation}.example.com"]
