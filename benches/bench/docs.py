"""The tables of docs/performance.md, between two markers. One door: `write`."""

from . import build, machine, table, text

BEGIN, END = "<!-- benches/run --docs: begin -->", "<!-- benches/run --docs: end -->"


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
             f"{machine.told(facts)}; load before {facts['loadAtStart']:.1f}.", "",
             *(f"- {name}: {version}" for name, version in found["versions"].items())]
    for title, rows in table.tables(found):
        lines += ["", f"### {title[0].upper()}{title[1:]}", "", text.markdown(rows)]
    lines += ["", "Equal for all:", "", *(f"- {line}" for line in found["equal"])]
    if notes := [*found["notes"], *machine.remarks(facts)]:
        lines += ["", "Notes of this run:", "", *(f"- {note}" for note in notes)]
    return "\n".join(lines)


def write(found):
    path = build.ROOT / "docs/performance.md"
    path.write_text(between(path.read_text(), generated(found)))
    folder, before = build.ROOT / "docs/performance", f"{found['date']}-"
    folder.mkdir(exist_ok=True)
    for plot in (build.ROOT / "bench-results").glob(f"{before}*.svg"):
        (folder / plot.name.removeprefix(before)).write_bytes(plot.read_bytes())
    return path
