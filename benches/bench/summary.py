"""From rounds to figures. Pure. One door: `rows`."""

from statistics import median

NOISY = 0.10
# above this share of failures a row says nothing about the cost of a request
WRONG = 0.01


def spread(values):
    """How far the rounds are apart, as a share of their median."""
    middle = median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def by_pairs(mine, other):
    """The median of the ratios of rounds that ran one after the other: what slows both down falls out."""
    ratios = [mine[n] / other[n] for n in mine.keys() & other.keys() if other[n]]
    return median(ratios) if ratios else None


def rows(rounds):
    """One row for each scenario and peer, in the order in which they were measured."""
    groups = {}
    for entry in rounds:
        groups.setdefault((entry["scenario"], entry["peer"]), []).append(entry)
    return [row(scenario, peer, entries, groups) for (scenario, peer), entries in groups.items()]


def is_wrong(entries):
    return sum(entry["failed"] for entry in entries) > WRONG * sum(entry["good"] for entry in entries)


def row(scenario, peer, entries, groups):
    totals = {entry["round"]: entry["totalMicros"] for entry in entries}

    def ratio(other):
        others = groups.get((scenario, other), [])
        # an error is cheaper, or dearer, than an answer: no ratio stands on one
        if is_wrong(entries) or is_wrong(others):
            return None
        return by_pairs(totals, {entry["round"]: entry["totalMicros"] for entry in others})

    apart = spread(list(totals.values()))
    return {
        "scenario": scenario, "peer": peer,
        **{key: median(entry[key] for entry in entries)
           for key in ("totalMicros", "userMicros", "systemMicros", "perSecond")},
        "lowest": min(totals.values()), "highest": max(totals.values()), "spread": apart, "noisy": apart > NOISY,
        "xNginx": ratio("nginx"), "xFloor": ratio("floor"),
        "failed": sum(entry["failed"] for entry in entries), "wrong": is_wrong(entries),
        # the CPU of those that ask and answer was full: the requests a second are theirs, the CPU a request is not
        "clientBound": median(max(entry["clientBusy"], entry["appBusy"], entry["besideBusy"]) for entry in entries) > 0.9,
    }
