"""Plots of a result beside its file, as SVG and PNG. One door: `draw`.

matplotlib belongs to one of several Pythons of a machine; this module is run as a program by the one that has it.
"""

import json
import pathlib
import subprocess
import sys

COLOURS = {"gatepost": "#0b6e4f", "nginx": "#6c757d", "haproxy": "#3a7ca5", "envoy": "#b5179e", "caddy": "#e09f3e",
           "floor": "#cccccc"}


def draw(path, progress):
    progress.at("drawing plots")
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            found = subprocess.run([python, "-c", "import matplotlib"], capture_output=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if found.returncode == 0:
            done = subprocess.run([python, "-m", "bench.plots", path], capture_output=True, text=True, timeout=120,
                                  cwd=pathlib.Path(__file__).resolve().parents[1])
            progress.say("plots are beside it" if done.returncode == 0 else f"no plots: {done.stderr.strip()[-300:]}")
            return
    progress.say("no plots: matplotlib is missing; --install fetches it (Debian: python3-matplotlib)")


def bars(axes, rows, names, peers, unit):
    """A group of bars for each name, one for each peer."""
    width = 0.8 / len(peers)
    for n, peer in enumerate(peers):
        at = [(k + n * width, rows[name, peer]) for k, name in enumerate(names) if (name, peer) in rows]
        axes.bar([x for x, _ in at], [y for _, y in at], width, label=peer, color=COLOURS[peer])
    axes.set_xticks([k + 0.4 - width / 2 for k in range(len(names))], names, rotation=20)
    axes.set_ylabel(unit)
    axes.legend(frameon=False, fontsize=8)


def cpu(plt, result):
    from . import summary
    rows = {(row["scenario"], row["peer"]): row["totalMicros"] for row in summary.rows(result["rounds"]) if not row["wrong"]}
    if not rows:
        return None
    peers = [peer for peer in COLOURS if any(peer == key[1] for key in rows)]
    names = list(dict.fromkeys(name for name, _ in rows))
    figure, axes = plt.subplots(figsize=(10, 4))
    # what moves a MiB would flatten the others
    axes.set_yscale("log")
    bars(axes, rows, names, peers, "CPU µs per request (log)")
    return figure


def latency(plt, result):
    curves = [entry for entry in result.get("latency", []) if entry["curve"] and entry["scenario"] == "small"]
    shares = sorted({entry["share"] for entry in curves})
    if not shares:
        return None
    figure, panels = plt.subplots(1, len(shares), figsize=(4 * len(shares), 4), sharey=True, squeeze=False)
    for axes, share in zip(panels[0], shares):
        for entry in (entry for entry in curves if entry["share"] == share):
            points = [(100 / max(100 - percentile, 0.05), micros / 1000) for percentile, micros in entry["curve"]]
            axes.plot(*zip(*points), label=entry["peer"] + ("" if entry["held"] else " (rate not held)"),
                      color=COLOURS[entry["peer"]])
        axes.set(xscale="log", yscale="log", title=f"{share} % of nginx's capacity", xlabel="percentile")
        axes.set_xticks([2, 10, 100, 1000], ["50", "90", "99", "99.9"])
        axes.legend(frameon=False, fontsize=7)
    panels[0][0].set_ylabel("ms from the moment it was due")
    return figure


def memory(plt, result):
    rows = {(kind, peer): entry["idle"][kind]["bytes"] / 1024 for peer, entry in result.get("memory", {}).items()
            for kind in entry["idle"]}
    if not rows:
        return None
    figure, axes = plt.subplots(figsize=(7, 4))
    bars(axes, rows, ["plain", "tls"], [peer for peer in COLOURS if any(peer == key[1] for key in rows)],
         "KiB per idle connection")
    return figure


def growth(plt, result):
    """CPU per request above, memory below, a column for each thing that was made larger."""
    from .growth import BODIES, POINTS, rows
    found = rows(result.get("growth", []))
    if not found:
        return None
    figure, panels = plt.subplots(2, len(found), figsize=(4 * len(found), 6), squeeze=False)
    for column, (what, grown) in zip(panels.T, found.items()):
        for axes, of, unit in ((column[0], lambda row: row["totalMicros"], "CPU µs per request"),
                               (column[1], lambda row: row["peakKib"] / 1024, "resident MB, at most")):
            for peer in COLOURS:
                mine = [(row["at"], of(row)) for row in grown if row["peer"] == peer and not row["wrong"]]
                if mine:
                    axes.plot(*zip(*mine), marker="o", markersize=3, label=peer, color=COLOURS[peer])
            axes.set(xlabel=f"{what}, bytes" if POINTS[what] is BODIES else what, ylabel=unit)
            if what == "workers":
                axes.set_xticks(POINTS[what])
            else:
                axes.set_xscale("log")
            if POINTS[what] is BODIES and axes is column[0]:
                axes.set_yscale("log")
            else:
                # flat is flat
                axes.set_ylim(bottom=0)
        column[0].legend(frameon=False, fontsize=7)
    return figure


def dns(plt, result):
    """A plan's time by nodes, a line for each kind of change."""
    entries = result.get("dnsPlan", [])
    if not entries:
        return None
    figure, axes = plt.subplots(figsize=(7, 4))
    for what in dict.fromkeys(entry["what"] for entry in entries):
        mine = [(entry["nodes"], entry["micros"] / 1000) for entry in entries if entry["what"] == what]
        axes.plot(*zip(*mine), marker="o", markersize=3, label=what)
    axes.set(xscale="log", xlabel="nodes", ylabel="ms for a plan")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
    return figure


def main(path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    matplotlib.rcParams["svg.hashsalt"] = "gatepost"
    result = json.loads(path.read_text())
    for plot in (cpu, latency, memory, growth, dns):
        figure = plot(plt, result)
        if figure:
            figure.tight_layout()
            for ending in ("svg", "png"):
                figure.savefig(path.with_name(f"{path.stem}-{plot.__name__}.{ending}"))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
