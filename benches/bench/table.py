"""A result as tables. Pure. One door: `tables`, pairs of a title and rows; the first row is the head."""

from . import dnsplan, goals, growth, scenarios, summary
from .text import number

KIB = 1024


def tables(result):
    found = [(scenarios.BY_NAME[name].title, costs(rows)) for name, rows in by_scenario(result["rounds"])]
    if result.get("latency"):
        found.append(("latency by the clock, from the moment a request was due, ms", latencies(result["latency"])))
    if result.get("memory"):
        found.append(("memory and start-up", memory(result["memory"])))
    if result.get("reloads"):
        found.append(("mixed traffic while the configuration changes", reloads(result["reloads"])))
    found += [(growth.TITLES[what], grown(rows)) for what, rows in growth.rows(result.get("growth", [])).items()]
    if result.get("dnsPlan"):
        found.append((dnsplan.TITLE, plans(result["dnsPlan"])))
    if len(aims := goals.rows(result)) > 1:
        found.append(("goals of gatepost", aims))
    return found


def by_scenario(rounds):
    groups = {}
    for row in summary.rows(rounds):
        groups.setdefault(row["scenario"], []).append(row)
    return groups.items()


def costs(rows):
    head = ["", "CPU us", "user", "system", "spread", "x nginx", "x floor", "req/s", "failed", ""]
    return [head, *([row["peer"], *(number(row[key]) for key in ("totalMicros", "userMicros", "systemMicros")),
                     f"{row['spread'] * 100:.0f} %", number(row["xNginx"]), number(row["xFloor"]),
                     f"{row['perSecond']:,.0f}", row["failed"], remarks(row)] for row in rows)]


def remarks(row):
    said = (("FAILED TOO OFTEN", row["wrong"]), ("noisy", row["noisy"]), ("client set the pace", row["clientBound"]))
    return ", ".join(word for word, is_so in said if is_so)


def latencies(entries):
    names = ("p50", "p90", "p99", "p99.9", "max")
    head = ["", "req/s", *names, "CPU us", "x nginx", "x floor", "failed", ""]
    costs = {(entry["scenario"], entry["share"], entry["peer"]): goals.cost(entry) for entry in entries}
    return [head, *([f"{entry['scenario']} {entry['share']} % {entry['peer']}", f"{entry['rate']:,}",
                     *(millis(entry["latencyMicros"][name]) for name in names), number(goals.cost(entry)),
                     *(number(goals.ratio(costs, entry, peer)) for peer in ("nginx", "floor")), entry["failed"],
                     ", ".join(word for word, is_so in (("RATE NOT HELD", not entry["held"]),
                                                        ("CLIENT'S CPU FULL", entry["saturated"])) if is_so)]
                    for entry in entries)]


def millis(micros):
    return number(None if micros is None else micros / 1000)


def memory(entries):
    head = ["", "start-up ms", "resident MB", "proportional MB", "idle plain, bytes", "idle TLS, bytes"]
    rows = []
    for peer, entry in entries.items():
        idle = entry.get("idle", {})
        rows.append([peer, number(entry["startMillis"]), number(entry["residentKib"] / KIB),
                     number(entry["proportionalKib"] / KIB),
                     *(number(idle[kind]["bytes"]) if kind in idle else "–" for kind in ("plain", "tls"))])
    return [head, *rows]


def grown(rows):
    head = ["", "CPU us", "x first", "us a MiB", "spread", "req/s", "at most MB", "failed", ""]
    return [head, *([f"{row['peer']} {row['at']:,}", *(number(row[key]) for key in ("totalMicros", "xFirst", "perMib")),
                     f"{row['spread'] * 100:.0f} %", f"{row['perSecond']:,.0f}", number(row["peakKib"] / KIB), row["failed"],
                     remarks(row)] for row in rows)]


def plans(entries):
    return [["", "CPU us", "x first"], *([f"{row['what']}, {row['nodes']:,}", number(row["micros"]), number(row["xFirst"])]
                                         for row in dnsplan.rows(entries))]


def reloads(entries):
    head = ["", "reloads", "requests", "failed", "p99 ms", "p99.9 ms", "max ms", "last in force"]
    return [head, *([entry["peer"], entry["reloads"], f"{entry['sent']:,}", entry["failed"],
                     *(millis(entry["latencyMicros"][name]) for name in ("p99", "p99.9", "max")),
                     "yes" if entry["inForce"] else "NO"] for entry in entries)]
