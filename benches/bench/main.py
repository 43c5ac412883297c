"""From the command line to tables and files. One door: `main`."""

import signal
import sys
import tempfile

from . import build, compare, dnsplan, docs, growth, install, latency, machine, memory, peers, plots, process, reloads
from . import result, rounds, scenarios, table, text
from .bed import Bed, Silent
from .driver import Driver
from .options import PHASES, read
from .progress import Progress


def main():
    options, progress = read(), Progress()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    earlier = result.load(options.against) if options.against else None
    try:
        found = result.load(options.result) if options.result else measure(options, progress)
    except KeyboardInterrupt:
        progress.say("stopped")
        return 130
    except Silent as silent:
        raise SystemExit(f"benches/run: {silent}") from None
    finally:
        process.stop_all()
    show(found)
    if earlier:
        print(f"\n{options.against} and then this run\n\n{compare.shown(earlier, found)}")
    if options.docs:
        progress.say(f"written: {docs.write(found)}")
    return 0


def measure(options, progress):
    if options.install:
        install.install(progress)
    if not options.no_build:
        build.build(progress)
    if missing := build.missing():
        raise SystemExit(f"benches/run: {', '.join(missing)} not in {build.folder()}; run without --no-build")
    kinds, notes = there(options.peers, progress)
    facts = {"schema": result.SCHEMA, "date": result.now(), "quick": options.quick, "workers": options.workers,
             "machine": machine.facts(), "commit": machine.commit(),
             "versions": {kind.name: kind.version() for kind in kinds}, "equal": EQUAL, "notes": notes}
    with tempfile.TemporaryDirectory(prefix="gatepost-bench-") as folder:
        with_bed(Bed(folder, options, notes), kinds, facts, progress)
    path = result.save(facts)
    progress.say(f"every round: {path}")
    plots.draw(path, progress)
    return facts


def there(names, progress):
    """The peers that are installed."""
    kinds, notes = [], []
    for kind in peers.ALL:
        if kind.name not in names:
            continue
        if kind.find():
            kinds.append(kind)
        else:
            notes.append(f"{kind.name}: left out, {kind.missing}")
            progress.say(notes[-1])
    return kinds, notes


def with_bed(on, kinds, facts, progress):
    chosen = on.options.scenarios or [*scenarios.NAMES, *PHASES]
    driver, app = Driver(on), on.start_app()
    facts["pinning"] = dict(zip(("proxy", "client", "app"), map(sorted, on.cpus)))
    if "memory" in chosen:
        facts["memory"] = memory.measure(on, driver, kinds, progress)
        progress.say("memory measured")
    facts["rounds"] = []
    for routes in sorted({scenario.routes for scenario in scenarios.ALL if scenario.name in chosen} |
                         ({1} if "latency" in chosen else set())):
        # all run at once and take turns: one that is not asked costs nothing
        up = on.start_all(kinds, routes=routes)
        mine = [scenario for scenario in scenarios.ALL if scenario.name in chosen and scenario.routes == routes]
        for scenario in mine:
            facts["rounds"] += rounds.measure(on, driver, app, up, scenario, progress)
            progress.say(f"{scenario.title}: measured")
        if routes == 1 and "latency" in chosen:
            facts["latency"] = latency.measure(on, driver, up, facts["rounds"], progress)
            progress.say("latency measured")
        on.stop(up)
    if "reloads" in chosen:
        facts["reloads"] = reloads.measure(on, driver, kinds, progress)
        progress.say("reloads measured")
    if on.options.growth or "growth" in chosen:
        facts["growth"] = growth.measure(on, driver, app, kinds, progress)
        facts["dnsPlan"] = dnsplan.measure(progress)


EQUAL = [
    "same routes (a table by host), same app over kept HTTP/1.1 connections, same certificate (P-256), TLS 1.3, session "
    "tickets, HTTP/2 by ALPN; X-Forwarded-For, -Proto, -Host, -Port, X-Real-IP and X-Request-Id to the app; metrics on",
    "access log to a file: gatepost's, nginx's (64 KiB, 1 s) and Envoy's are buffered; HAProxy and Caddy write each line; "
    "gatepost's and nginx's lines are alike (format common, format combined), those of the others are their usual ones",
    "bodies stream; nginx keeps proxy_buffering (in memory only), without it it reads in pieces of 4 KiB",
    "the floor has one thread, parses nothing, logs nothing, and opens a connection to the app for each of its clients",
]


def show(found):
    print(f"{found['date']}, gatepost {found['commit']}, {machine.told(found['machine'])}")
    where = (f"{name} on CPU {', '.join(map(str, cpus))}" for name, cpus in found.get("pinning", {}).items())
    print("; ".join([f"workers: {found['workers']}", *where]))
    print("; ".join(f"{name}: {version}" for name, version in found["versions"].items()))
    for title, rows in table.tables(found):
        print(f"\n{title}\n{text.columns(rows)}")
    print("\nEqual for all: " + "\n".join(found["equal"]))
    for note in [*found["notes"], *machine.remarks(found["machine"])]:
        print(f"note: {note}")
