"""Two results beside each other. Pure. One door: `shown`."""

from . import summary
from .text import columns, number


def changes(before, after):
    """Of what both measured: scenario, peer, figures before and after, the change, and whether it is within the spread."""
    old = {(row["scenario"], row["peer"]): row for row in summary.rows(before["rounds"])}
    for row in summary.rows(after["rounds"]):
        was = old.get((row["scenario"], row["peer"]))
        if was:
            within = row["lowest"] <= was["highest"] and was["lowest"] <= row["highest"]
            yield {"scenario": row["scenario"], "peer": row["peer"], "before": was["totalMicros"],
                   "after": row["totalMicros"], "change": row["totalMicros"] / was["totalMicros"] - 1, "within": within}


def shown(before, after):
    rows = [["CPU us per request", "before", "after", "change", ""]]
    rows += [[f"{each['scenario']} {each['peer']}", number(each["before"]), number(each["after"]),
              f"{each['change'] * 100:+.1f} %", "within the spread" if each["within"] else ""]
             for each in changes(before, after)]
    return columns(rows) if len(rows) > 1 else "The two have no scenario and peer in common."
