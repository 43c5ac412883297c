"""Columns of text. Pure. One door: `columns`."""


def columns(rows, gap="  "):
    """Rows of cells under each other: the first column to the left, the others to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[n]) for row in rows if n < len(row)) for n in range(max(map(len, rows)))]
    return "\n".join(gap.join(cell.rjust(widths[n]) if n else cell.ljust(widths[n]) for n, cell in enumerate(row)).rstrip()
                     for row in rows)


def markdown(rows):
    """The same as a table of Markdown."""
    head, *body = [[str(cell) for cell in row] for row in rows]
    line = "| " + " | ".join(head) + " |\n|---|" + "---:|" * (len(head) - 1)
    return "\n".join([line, *("| " + " | ".join(row) + " |" for row in body)])


def number(value):
    """Three digits that count."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
