"""Mixed traffic by the clock while the configuration changes fifty times. One door: `measure`."""

import http.client
import time

from . import scenarios
from .bed import answers

RELOADS = 50
# requests a second: of each kind of client
KEPT, FRESH, SECURE = 2000, 100, 100
# until the last change serves
PATIENCE = 10.0


def measure(bed, driver, kinds, progress):
    found = []
    for kind in kinds:
        if "routes" not in kind.can:
            continue
        up = bed.start_all([kind])
        for peer, process, _ in up.values():
            found.append({"peer": peer.name, **one(bed, driver, peer, process, progress)})
        bed.stop(up)
    return found


def one(bed, driver, peer, process, progress):
    seconds = bed.options.open_seconds * 4
    clients = [driver.open(peer, scenarios.BY_NAME[name], rate, seconds, connections=32)
               for name, rate in (("small", KEPT), ("connect", FRESH), ("handshake", SECURE))]
    start = time.monotonic()
    done = 0
    for number in range(1, RELOADS + 1):
        if not process.is_alive():
            break
        progress.at(f"reloads: {number} of {RELOADS}, {peer.name}")
        peer.setup.generation = number
        peer.write()
        try:
            peer.reload(process)
            done = number
        except (OSError, http.client.HTTPException) as error:
            bed.notes.append(f"reloads, {peer.name}: {number} was not taken: {error}")
        time.sleep(max(0.0, start + number * seconds / (RELOADS + 2) - time.monotonic()))
    told = [driver.result(client, seconds * 3 + 20) for client in clients]
    in_force = process.is_alive() and wait_for(peer, f"generation-{RELOADS}.example.com")
    if not process.is_alive():
        panic = [line for line in process.err.read_text(errors="replace").splitlines() if line.startswith("panic")]
        bed.notes.append(f"reloads, {peer.name}: it ended by itself after {done}: {(panic or ['no reason told'])[0]}")
    told = [each for each in told if each]
    worst = max(told, key=lambda each: each["sent"], default=None)
    errors = {name: sum(each["errors"].get(name, 0) for each in told) for name in (worst or {"errors": {}})["errors"]}
    return {"reloads": done, "sent": sum(each["sent"] for each in told), "failed": sum(each["failed"] for each in told),
            "errors": {name: n for name, n in errors.items() if n}, "inForce": in_force,
            # of the kept connections, most of the requests
            "latencyMicros": worst["latencyMicros"] if worst else dict.fromkeys(("p99", "p99.9", "max"))}


def wait_for(peer, host):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if answers(peer.http, host):
            return True
        time.sleep(0.1)
    return False
