"""Start-up, memory at rest and for each idle connection. One door: `measure`."""

import time

from . import scenarios

# after its last answer a connection to the app is kept for some seconds; what it costs is not a client's
QUIET = 7.0
# arrivals a second: the memory of a burst of requests is not that of idle connections
RATE = 1000


def measure(bed, driver, kinds, progress):
    idle = min(bed.options.idle, bed.files // 2 - 1000)
    if idle < bed.options.idle:
        bed.notes.append(f"idle connections: {idle} in place of {bed.options.idle}, for the limit of open files is "
                         f"{bed.files}; raise it with `ulimit -n` before")
    found = {}
    for kind in ("plain", "tls"):
        scenario = scenarios.BY_NAME["small" if kind == "plain" else "tls"]
        progress.at(f"memory: starting every peer, {kind}")
        up = bed.start_all(kinds, connections=idle + 1000)
        time.sleep(1)
        for name, (peer, process, millis) in up.items():
            resident, proportional = process.memory()
            found.setdefault(name, {"startMillis": millis, "residentKib": resident, "proportionalKib": proportional,
                                    "idle": {}})
        hold(bed, driver, up, scenario, kind, idle, found, progress)
        bed.stop(up)
    return found


def hold(bed, driver, up, scenario, kind, idle, found, progress):
    """All peers hold their idle connections at the same time; opening them takes turns."""
    held = []
    seconds = idle / RATE
    wait = (seconds + 2) * len(up) + QUIET + 10
    for name, (peer, process, _) in up.items():
        if name == "floor" or not scenario.needs <= peer.can:
            continue
        progress.at(f"memory: {idle} idle connections ({kind}), {name}")
        before = process.memory()[0]
        client = driver.idle(peer, scenario, idle, RATE, wait)
        driver.is_held(client, seconds + 10)
        held.append((name, process, before, client))
    time.sleep(QUIET)
    for name, process, before, client in held:
        if client.is_alive() and "holding" in client.last_words():
            after = process.memory()[0]
            found[name]["idle"][kind] = {"connections": idle, "bytes": (after - before) * 1024 / idle}
        else:
            bed.notes.append(f"idle connections ({kind}), {name}: not measured: {client.last_words() or 'no answer'}")
        client.stop()
