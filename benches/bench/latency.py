"""Percentiles by the clock, at shares of what nginx can do. One door: `measure`."""

from statistics import median

from . import machine, scenarios

SHARES = (30, 60, 80)
HELD = 0.98
# above this the machine of the client, not the proxy, may be what made a request wait
FULL = 0.95


def measure(bed, driver, up, rounds, progress):
    found = []
    for name in ("small",) if bed.options.quick else ("small", "tls"):
        scenario = scenarios.BY_NAME[name]
        capacity = [entry["perSecond"] for entry in rounds if (entry["scenario"], entry["peer"]) == (name, "nginx")]
        if not capacity:
            bed.notes.append(f"latency, {name}: not measured, for its rates are shares of what nginx did in the same run")
            continue
        for share in SHARES:
            rate = int(median(capacity) * share / 100)
            for peer, process, _ in up.values():
                if scenario.needs <= peer.can:
                    progress.at(f"latency, {name}: {share} % of nginx's capacity, {peer.name}")
                    entry = one(bed, driver, peer, scenario, rate)
                    found.append({"scenario": name, "share": share, "peer": peer.name, "rate": rate, **entry})
    return found


def one(bed, driver, peer, scenario, rate):
    seconds = bed.options.open_seconds
    client, proxy = machine.ticks(bed.cpus[1]), machine.ticks(bed.cpus[0])
    told = driver.result(driver.open(peer, scenario, rate, seconds), seconds * 4 + 20)
    if not told:
        names = ("p50", "p75", "p90", "p99", "p99.9", "max")
        return {"held": False, "saturated": False, "failed": rate, "latencyMicros": dict.fromkeys(names), "curve": []}
    client, proxy = machine.busy_since(client, bed.cpus[1]), machine.busy_since(proxy, bed.cpus[0])
    return {
        "held": told["goodPerSecond"] >= HELD * rate,
        "saturated": told["own"]["saturated"] or client > FULL,
        "clientCpu": client, "proxyCpu": proxy,
        "failed": told["failed"], "latencyMicros": told["latencyMicros"], "curve": told.get("curve", []),
        "perSecond": told["goodPerSecond"],
    }
