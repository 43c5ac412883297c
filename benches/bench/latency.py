"""Percentiles by the clock, and CPU per request, at shares of what nginx can do. One door: `measure`."""

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
        able = [(peer, process) for peer, process, _ in up.values() if scenario.needs <= peer.can]
        for share in SHARES:
            rate = int(median(capacity) * share / 100)
            turns = {}
            for number in range(bed.options.rounds):
                for peer, process in able:
                    had = turns.setdefault(peer.name, [])
                    # how long a queue becomes is told once
                    if all(entry["held"] for entry in had):
                        progress.at(f"latency, {name}: {share} % of nginx's capacity, round {number + 1} of "
                                    f"{bed.options.rounds}, {peer.name}")
                        had.append(one(bed, driver, peer, process, scenario, rate))
            found += [{"scenario": name, "share": share, "peer": peer, "rate": rate, **middle(had)}
                      for peer, had in turns.items()]
    return found


def middle(turns):
    """Of several turns of a peer: each percentile's median, for one long stall of the machine is a whole p99.9 of the turn
    that has it; the curve of the turn in the middle. Whose rate was not held once is not held."""
    whole = {"turns": len(turns), "saturated": any(turn["saturated"] for turn in turns),
             "failed": sum(turn["failed"] for turn in turns)}
    if not all(turn["held"] for turn in turns):
        return {**turns[-1], **whole}
    told = [turn["latencyMicros"] for turn in turns]
    by_tail = sorted(turns, key=lambda turn: turn["latencyMicros"]["p99.9"])
    return {
        **by_tail[len(turns) // 2], **whole,
        "latencyMicros": {name: median(each[name] for each in told) for name in told[0]},
        "totalMicros": median(turn["totalMicros"] for turn in turns),
    }


def one(bed, driver, peer, process, scenario, rate):
    seconds = bed.options.open_seconds
    client, proxy, before = machine.ticks(bed.cpus[1]), machine.ticks(bed.cpus[0]), process.cpu()
    told = driver.result(driver.open(peer, scenario, rate, seconds), seconds * 4 + 20)
    total = process.cpu().since(before)[0]
    if not told or not told["good"]:
        names = ("p50", "p75", "p90", "p99", "p99.9", "max")
        return {"held": False, "saturated": False, "failed": rate, "latencyMicros": dict.fromkeys(names), "curve": [],
                "totalMicros": None}
    client, proxy = machine.busy_since(client, bed.cpus[1]), machine.busy_since(proxy, bed.cpus[0])
    return {
        "held": told["goodPerSecond"] >= HELD * rate,
        "saturated": told["own"]["saturated"] or client > FULL,
        "totalMicros": total / told["good"], "clientCpu": client, "proxyCpu": proxy,
        "failed": told["failed"], "latencyMicros": told["latencyMicros"], "curve": told.get("curve", []),
        "perSecond": told["goodPerSecond"],
    }
