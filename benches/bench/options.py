"""What is asked for on the command line. One door: `read`."""

import argparse
import pathlib

from . import peers, scenarios

TEXT = """\
Measures gatepost beside the proxies that people would use instead, on this machine and loopback only: the same routes,
access log, metrics and certificate for each, one worker, rounds in turn (A B C A B C ...). Prints tables; every round is in
bench-results/<date>.json. What is not installed is left out with a line.
"""
# seconds of one closed round, of one open one; idle connections
QUICK, FULL = (0.5, 1.0, 2000), (2.0, 4.0, 8000)


def words(known):
    def read(text):
        chosen = [word for word in text.split(",") if word]
        for word in chosen:
            if word not in known:
                raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(known)}")
        return chosen
    return read


def count(text):
    value = int(text)
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError("from 1 to 1000")
    return value


def read(arguments=None):
    parser = argparse.ArgumentParser(prog="benches/run", description=TEXT,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--quick", action="store_true", help="short rounds: the whole in under five minutes on two CPUs")
    add("--install", action="store_true", help="fetch the peers that are missing, and what draws plots (needs root)")
    add("--peers", type=words(peers.NAMES), default=list(peers.NAMES), metavar="A,B", help=", ".join(peers.NAMES))
    add("--scenarios", type=words((*scenarios.NAMES, *PHASES, *MORE)), metavar="A,B",
        help=f"only these: {', '.join((*scenarios.NAMES, *PHASES, *MORE))}")
    add("--growth", action="store_true", help="also, in some minutes more: routes to 100,000, connections to 20,000, two "
        "workers, bodies to 1 GiB")
    add("--rounds", type=count, help="rounds of each scenario (5; 3 with --quick)")
    add("--workers", type=count, default=1, help="threads or processes of each proxy (1)")
    add("--no-build", action="store_true", help="measure what was built before")
    add("--port", type=int, default=28000, help="the first of the 40 ports that are used (28000)")
    add("--result", type=pathlib.Path, metavar="FILE", help="show this result in place of measuring")
    add("--against", type=pathlib.Path, metavar="FILE", help="compare with this earlier result")
    add("--docs", action="store_true", help="write the tables into docs/performance.md")
    options = parser.parse_args(arguments)
    options.seconds, options.open_seconds, options.idle = QUICK if options.quick else FULL
    options.rounds = options.rounds or (3 if options.quick else 5)
    return options


# what is not measured in rounds
PHASES = ("memory", "latency", "reloads")
# what is measured only when it is asked for
MORE = ("growth",)
