"""CPU per request, closed loop, peers in turn. One door: `measure`."""

WARM_UP = 0.3


def measure(bed, driver, app, up, scenario, progress):
    """Rounds of a scenario, of every peer that can play it."""
    found = []
    players = [each for each in up.values() if scenario.needs <= each[0].can]
    players = [each for each in players if is_played(bed, driver, each[0], scenario)]
    for number in range(bed.options.rounds):
        for peer, process, _ in players:
            progress.at(f"{scenario.name}: round {number + 1} of {bed.options.rounds}, {peer.name}")
            entry = one(bed, driver, app, peer, process, scenario)
            if entry:
                found.append({"scenario": scenario.name, "peer": peer.name, "round": number, **entry})
            else:
                bed.notes.append(f"{scenario.name}, {peer.name}: round {number + 1} came to no result")
    return found


def is_played(bed, driver, peer, scenario):
    """Warms it up. One that gets no good answer at all is not measured."""
    told = driver.closed(peer, scenario, WARM_UP)
    if told and told["good"]:
        return True
    reasons = ", ".join(f"{n} {name}" for name, n in (told or {"errors": {}})["errors"].items() if n)
    bed.notes.append(f"{scenario.name}, {peer.name}: not measured, it gave no good answer ({reasons or 'none at all'})")
    return False


def one(bed, driver, app, peer, process, scenario):
    before, app_before = process.cpu(), app.cpu()
    told = driver.closed(peer, scenario, bed.options.seconds)
    total, user, system = process.cpu().since(before)
    if not told or not told["good"]:
        return None
    good, took = told["good"], told["seconds"]
    client, apps = told["own"]["cpuSeconds"] / took, app.cpu().since(app_before)[0] / 1e6 / took
    return {
        "totalMicros": total / good, "userMicros": user / good, "systemMicros": system / good,
        "perSecond": told["goodPerSecond"], "good": good, "failed": told["failed"], "errors": told["errors"],
        # shares of the time that each had
        "busy": total / 1e6 / took / bed.options.workers,
        "clientBusy": client, "appBusy": apps,
        "besideBusy": client + apps if bed.cpus[1] == bed.cpus[2] else 0.0,
    }
