"""One thing at a time made larger: whether a request gets dearer by it, and what memory it takes.

Doors: `measure`, and `rows` for what came of it.
"""

import copy
import os
from dataclasses import replace

from . import machine, rounds, scenarios, summary
from .driver import Driver

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
BODIES = (KIB, 32 * KIB, MIB, 32 * MIB, GIB)
POINTS = {
    "routes": (10, 100, 1000, 10_000, 100_000),
    "connections": (10, 100, 1000, 5000, 20_000),
    "workers": (1, 2),
    "answer": BODIES,
    "upload": BODIES,
}
TITLES = {
    "routes": "growth: small GET, the middle host of so many",
    "connections": "growth: small GET beside so many idle connections",
    "workers": "growth: small GET with so many workers",
    "answer": "growth: answers of so many bytes",
    "upload": "growth: uploads of so many bytes",
}
# connections a second that are opened and then idle
RATE = 4000
# a GiB through eight at once says no more than through two
LONG = 32 * MIB


def points(name, quick):
    """All; or the ends and what is in the middle."""
    every = POINTS[name]
    return tuple(dict.fromkeys((every[0], every[len(every) // 2], every[-1]))) if quick else every


def measure(bed, driver, app, kinds, progress):
    """Rounds of each point, peers in turn; each entry has what was made larger, how large, and the most memory so far."""
    found = []
    for name, play in PLAYS.items():
        found += play(name, bed, driver, app, kinds, progress)
        progress.say(f"{TITLES[name]}: measured")
    return found


def point(name, at, scenario, bed, driver, app, up, progress):
    scenario = replace(scenario, name=f"{name} {at:,}")
    entries = rounds.measure(bed, driver, app, up, scenario, progress)
    peaks = {peer: process.peak() for peer, (_, process, _) in up.items()}
    return [{**entry, "what": name, "at": at, "peakKib": peaks[entry["peer"]]} for entry in entries]


def routes(name, bed, driver, app, kinds, progress):
    for at in points(name, bed.options.quick):
        able = [kind for kind in kinds if "routes" in kind.can]
        bed.notes += [f"growth: {kind.name} is not started with {at:,} routes" for kind in able if at > kind.most_routes]
        able = [kind for kind in able if at <= kind.most_routes]
        progress.at(f"{name}: starting with {at:,}")
        up = bed.start_all(able, routes=at)
        yield from point(name, at, replace(scenarios.BY_NAME["small"], routes=at), bed, driver, app, up, progress)
        bed.stop(up)


def connections(name, bed, driver, app, kinds, progress):
    """One peer after another: all at once would be a test of the machine."""
    most = bed.files - 1000
    for at in points(name, bed.options.quick):
        if at > most:
            bed.notes.append(f"growth: {most} connections in place of {at}, for the limit of open files is {bed.files}; "
                             "raise it with `ulimit -n` before")
            at = most
        # the floor has two of them for each
        for kind in (kind for kind in kinds if kind.name != "floor"):
            progress.at(f"{name}: opening {at:,}, {kind.name}")
            up = bed.start_all([kind], connections=at + 1000)
            for peer, _, _ in up.values():
                client = driver.idle(peer, scenarios.BY_NAME["small"], at, RATE, 60 + 20 * bed.options.rounds)
                if driver.is_held(client, at / RATE * 3 + 10):
                    yield from point(name, at, scenarios.BY_NAME["small"], bed, driver, app, up, progress)
                else:
                    bed.notes.append(f"growth, {at} connections, {peer.name}: not measured: "
                                     f"{client.last_words() or 'not all were answered in time'}")
                client.stop()
            bed.stop(up)


def workers(name, bed, driver, app, kinds, progress):
    for at in points(name, bed.options.quick):
        sized = with_workers(bed, at)
        if not len(os.sched_getaffinity(0)) > at:
            bed.notes.append(f"growth: {at} workers had their CPUs together with those that ask and answer")
        up = sized.start_all([kind for kind in kinds if kind.name != "floor"])
        yield from point(name, at, scenarios.BY_NAME["small"], sized, Driver(sized), app, up, progress)
        bed.stop(up)


def with_workers(bed, number):
    """The same bed, for proxies with so many workers."""
    sized = copy.copy(bed)
    sized.options = copy.copy(bed.options)
    sized.options.workers, sized.cpus = number, machine.pinning(number)
    return sized


def bodies(name, bed, driver, app, kinds, progress):
    """Ascending, so that the most memory so far is that of the largest."""
    up = bed.start_all(kinds)
    for at in points(name, bed.options.quick):
        yield from point(name, at, body(name, at), bed, driver, app, up, progress)
    bed.stop(up)


def body(name, size):
    many = 8 if size < LONG else 2
    patient = ("--timeout", "60s")
    if name == "upload":
        return replace(scenarios.BY_NAME["upload"], flags=("--upload", f"{size}B", *patient), connections=many, body=size)
    return replace(scenarios.BY_NAME["download"], flags=("--expect-size", str(size), *patient), path=f"/bytes/{size}",
                   connections=many, body=size)


PLAYS = {"routes": routes, "connections": connections, "workers": workers, "answer": bodies, "upload": bodies}


def rows(entries):
    """By what was made larger: a row for each peer and point, the points of a peer together, each with the ratio to its
    first and the cost of a MiB of its body."""
    places = {(entry["scenario"], entry["peer"]): entry for entry in entries}
    found = {}
    for row in summary.rows(entries):
        entry = places[row["scenario"], row["peer"]]
        found.setdefault(entry["what"], {}).setdefault(row["peer"], []).append(
            {**row, "at": entry["at"], "peakKib": entry["peakKib"]})
    return {what: [{**row, "xFirst": row["totalMicros"] / of[0]["totalMicros"],
                    "perMib": row["totalMicros"] * MIB / row["at"] if POINTS[what] is BODIES else None}
                   for of in peers.values() for row in of]
            for what, peers in found.items()}
