"""What a plan of DNS costs with more nodes, as `cargo bench --bench dns` measures it. Doors: `measure`, and `rows`."""

import json
import os
import pathlib
import subprocess
import tempfile

from . import build

TITLE = "growth: a plan of DNS for so many nodes, 5 names and 2,000 hosts"
# by criterion: half a second to become warm and one to measure
SHORT = ("--warm-up-time", "0.5", "--measurement-time", "1", "--noplot")


def measure(progress):
    """Microseconds by what has changed and the number of nodes; the first time it is built, which takes minutes."""
    progress.say("cargo bench --bench dns (built first where it is not)")
    # apart from what whoever works at the plan compares with
    with tempfile.TemporaryDirectory(prefix="gatepost-bench-") as folder:
        done = subprocess.run(["nice", "cargo", "bench", "--bench", "dns", "--", *SHORT], cwd=build.ROOT, timeout=3600,
                              env={**os.environ, "CRITERION_HOME": folder}, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"benches/run: cargo bench --bench dns failed: {done.stderr.strip()[-500:]}")
        found = [estimate(path) for path in pathlib.Path(folder).glob("*/*/*/new/estimates.json")]
    return sorted(found, key=lambda entry: (entry["what"], entry["nodes"]))


def estimate(path):
    what, nodes = path.parts[-4:-2]
    nanos = json.loads(path.read_text())["median"]["point_estimate"]
    return {"what": what, "nodes": int(nodes), "micros": nanos / 1000}


def rows(entries):
    """Each with the ratio to the fewest nodes of its kind. Pure."""
    first = {}
    return [{**entry, "xFirst": entry["micros"] / first.setdefault(entry["what"], entry["micros"])} for entry in entries]
