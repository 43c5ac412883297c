"""What was aimed at, and whether this run is there. Pure. One door: `rows`."""

from . import summary
from .text import number

# scenario, the peer that it is a ratio to, at most
RATIOS = (
    ("small", "nginx", 0.75), ("small", "floor", 1.15), ("fifteen", "nginx", 0.75), ("fifteen", "floor", 1.15),
    ("connect", "nginx", 0.9), ("tls", "nginx", 0.95), ("http2", "nginx", 0.7), ("handshake", "nginx", 0.7),
    ("download", "nginx", 0.6), ("small", "envoy", 0.28),
)
# bytes at most
MEMORY = (("plain", 2.5 * 1024), ("tls", 12 * 1024))
AT_REST_MB = 15


def rows(result):
    """Those that this run can tell about; the first row is the head."""
    groups = {}
    for entry in result["rounds"]:
        groups.setdefault((entry["scenario"], entry["peer"]), []).append(entry)
    totals = {key: {entry["round"]: entry["totalMicros"] for entry in entries} for key, entries in groups.items()
              if not summary.is_wrong(entries)}
    found = [["", "goal, at most", "this run", ""]]
    for scenario, other, most in RATIOS:
        mine, theirs = totals.get((scenario, "gatepost")), totals.get((scenario, other))
        if mine and theirs:
            found.append(judged(f"{scenario}, CPU x {other}", most, summary.by_pairs(mine, theirs)))
    ours = result.get("memory", {}).get("gatepost")
    if ours:
        found.append(judged("resident at rest, MB", AT_REST_MB, ours["residentKib"] / 1024))
        found += [judged(f"idle connection ({kind}), bytes", most, ours["idle"][kind]["bytes"])
                  for kind, most in MEMORY if kind in ours["idle"]]
    latency = {entry["peer"]: entry for entry in result.get("latency", [])
               if (entry["scenario"], entry["share"]) == ("small", 60)}
    # where neither kept up, both tell how long the queue became
    if {"gatepost", "nginx"} <= latency.keys() and any(latency[peer]["held"] for peer in ("gatepost", "nginx")):
        mine, theirs = (latency[peer]["latencyMicros"]["p99.9"] for peer in ("gatepost", "nginx"))
        if mine and theirs:
            found.append(judged("p99.9 at 60 %, x nginx", 1.0, mine / theirs))
    costs = {(entry["scenario"], entry["share"], entry["peer"]): cost(entry) for entry in result.get("latency", [])}
    if "gatepost" in latency and (times := ratio(costs, latency["gatepost"], "floor")):
        found.append(judged("small at 60 %, the same rate, CPU x floor", 1.15, times))
    found += [judged("requests that fail while reloading", 0, entry["failed"])
              for entry in result.get("reloads", []) if entry["peer"] == "gatepost"]
    return found


def cost(entry):
    """CPU per request at a given rate, of who held it; results from before it was taken have none."""
    return entry.get("totalMicros") if entry["held"] else None


def ratio(costs, entry, other):
    mine, theirs = cost(entry), costs.get((entry["scenario"], entry["share"], other))
    return mine / theirs if mine and theirs else None


def judged(what, most, value):
    return [what, number(most), number(value), "" if value <= most else "MISSED"]
