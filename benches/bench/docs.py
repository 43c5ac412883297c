"""The tables of docs/performance.md, between two markers. One door: `write`."""

from . import build, table, text

BEGIN, END = "<!-- benches/run --docs: begin -->", "<!-- benches/run --docs: end -->"
PLOTS = ("cpu.svg", "latency.svg", "memory.svg", "growth.svg", "dns.svg")


def between(page, new):
    """The page with what stands between the markers replaced."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"benches/run: docs/performance.md has no {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{new}\n\n{END}{after}"


def generated(found):
    facts = found["machine"]
    lines = [f"Measured {found['date']} with gatepost {found['commit']}{' and `--quick`' if found['quick'] else ''}, on "
             f"{facts['cpus']} x {facts['cpu']}, Linux {facts['kernel']}, governor {facts['governor']}, TCP "
             f"{facts.get('congestion', 'unknown')}; load before {facts['loadAtStart']:.1f}.", "",
             *(f"- {name}: {version}" for name, version in found["versions"].items())]
    for title, rows in table.tables(found):
        lines += ["", f"### {title[0].upper()}{title[1:]}", "", text.markdown(rows)]
    lines += ["", "Equal for all:", "", *(f"- {line}" for line in found["equal"])]
    if found["notes"]:
        lines += ["", "Notes of this run:", "", *(f"- {note}" for note in found["notes"])]
    return "\n".join(lines)


def write(found):
    path = build.ROOT / "docs/performance.md"
    path.write_text(between(path.read_text(), generated(found)))
    for name in PLOTS:
        plot = build.ROOT / "bench-results" / f"{found['date']}-{name}"
        if plot.exists():
            (build.ROOT / "docs/performance").mkdir(exist_ok=True)
            (build.ROOT / "docs/performance" / name).write_bytes(plot.read_bytes())
    return path
