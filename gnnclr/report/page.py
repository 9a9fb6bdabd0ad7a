"""A report as one HTML file that needs no other file."""

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from gnnclr.ops.atomic import write_text
from gnnclr.report.figure import light_and_dark

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = Mapping[str, Mapping[str, str]]

PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark;
  --ink: #1f2933; --muted: #616e7c; --line: #e4e7eb; --paper: #ffffff; --ground: #f5f7fa; --accent: #2563a8; }
@media (prefers-color-scheme: dark) { :root {
  --ink: #e4e7eb; --muted: #9aa5b1; --line: #323f4b; --paper: #1b2127; --ground: #12161a; --accent: #6ea8e6; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 3rem 1.25rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; letter-spacing: -0.02em; margin: 0 0 0.75rem; }
h2 { font-size: 1.2rem; letter-spacing: -0.01em; margin: 0 0 0.5rem; }
p { margin: 0 0 1rem; max-width: 46rem; }
.lead { color: var(--muted); font-size: 1.08rem; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 1.5rem 1.6rem 1.2rem; margin-top: 1.4rem; }
.figures { display: flex; flex-wrap: wrap; justify-content: center; gap: 0.5rem 1.5rem; margin-bottom: 0.75rem; }
figure { margin: 0.75rem 0 0.25rem; max-width: 100%; overflow-x: auto; }
figure img { display: block; max-width: max(100%, 30rem); height: auto; margin: 0 auto; }
figure.narrow img { max-width: 100%; }
.note { color: var(--muted); border-left: 3px solid var(--line); padding-left: 0.8rem; overflow-wrap: anywhere; }
figcaption { color: var(--muted); font-size: 0.9rem; margin-top: 0.4rem; }
.scroll { overflow-x: auto; margin-bottom: 0.75rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 0.5rem 0.9rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { color: var(--muted); font-weight: 600; font-size: 0.88rem; border-bottom: 2px solid var(--line); }
tbody tr:last-child td { border-bottom: 0; }
td.best { color: var(--accent); font-weight: 650; }
details summary { cursor: pointer; font-weight: 600; }
pre { overflow-x: auto; background: var(--ground); border-radius: 6px; padding: 0.9rem 1rem; font-size: 0.82rem;
  line-height: 1.45; }
footer { color: var(--muted); font-size: 0.88rem; margin-top: 1.6rem; }
@media (max-width: 40rem) { main { padding-top: 1.5rem; } section { padding: 1.1rem 1rem; } h1 { font-size: 1.6rem; } }
</style>
</head>
<body>
<main>
<h1>$title</h1>
<p class="lead">$lead</p>
$sections
<footer>$footer</footer>
</main>
</body>
</html>
""")


@dataclass
class Section:
    """A part of a report.

    Args:
        title (str): The heading.
        text (str, optional): A paragraph. (default: ``""``)
        table (dict, optional): Rows of columns of text, see :func:`html_table`. (default: none)
        figures (list, optional): Figures and their captions, side by side where there is room. (default: none)
        details (dict, optional): Preformatted text that is folded away, by title. (default: none)
        notes (list, optional): What is missing and why, a paragraph each. (default: none)
        best (bool, optional): Whether to mark the largest number of each column of the table. (default: ``True``)
    """

    title: str
    text: str = ""
    table: Rows = field(default_factory=dict)
    figures: "Sequence[tuple[Figure, str]]" = ()
    details: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    best: bool = True

    def html(self) -> str:
        """The section as HTML."""
        parts = [f"<section>\n<h2>{html.escape(self.title)}</h2>"]
        if self.text:
            parts.append(f"<p>{html.escape(self.text)}</p>")
        if self.table:
            parts.append(f'<div class="scroll">{html_table(self.table, self.best)}</div>')
        if self.figures:
            parts.append('<div class="figures">')
            parts += [_figure(figure, caption, self.title) for figure, caption in self.figures]
            parts.append("</div>")
        parts += [f'<p class="note">{html.escape(note)}</p>' for note in self.notes]
        for title, text in self.details.items():
            parts.append(f"<details><summary>{html.escape(title)}</summary><pre>{html.escape(text)}</pre></details>")
        return "\n".join([*parts, "</section>"])


def _figure(figure: "Figure", caption: str, title: str) -> str:
    light, dark = light_and_dark(figure)
    source = f'<source media="(prefers-color-scheme: dark)" srcset="{dark}">'
    image = f'<img src="{light}" alt="{html.escape(caption or title)}">'
    note = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    # Wide figures scroll on a phone, as they would be too small to read.
    kind = ' class="narrow"' if figure.get_figwidth() < 5 else ""
    return f"<figure{kind}><picture>{source}{image}</picture>{note}</figure>"


def html_table(rows: Rows, best: bool = True) -> str:
    """A table of text.

    Args:
        rows (dict): For each row its columns, such as ``{"raw": {"linear": "31.8"}}``.
        best (bool, optional): Whether to mark the largest of a column of numbers. (default: ``True``)
    """
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    largest = {column: _largest(row.get(column, "") for row in rows.values()) if best else None for column in columns}
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    body = []
    for name, row in rows.items():
        cells = []
        for column in columns:
            value = row.get(column, "")
            mark = ' class="best"' if largest[column] is not None and _number(value) == largest[column] else ""
            cells.append(f"<td{mark}>{html.escape(value) or '–'}</td>")
        body.append(f"<tr><td>{html.escape(name)}</td>{''.join(cells)}</tr>")
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def write_report(
    path: str | Path, title: str, lead: str = "", sections: Sequence[Section] = (), footer: str = ""
) -> Path:
    """Writes a self-contained HTML page: style and figures are inside.

    Args:
        path (str or Path): The file to write.
        title (str): The heading of the page.
        lead (str, optional): A paragraph below it. (default: ``""``)
        sections (list, optional): The parts of the page. (default: none)
        footer (str, optional): A line at the end. (default: ``""``)

    Returns:
        Path: The file.
    """
    path = Path(path)
    body = "\n".join(section.html() for section in sections)
    text = {"title": html.escape(title), "lead": html.escape(lead), "footer": html.escape(footer)}
    write_text(path, PAGE.substitute(text, sections=body))
    return path


def _number(text: str) -> float | None:
    try:
        return float(text.split("±")[0])
    except ValueError:
        return None


def _largest(values: Iterable[str]) -> float | None:
    numbers = [number for number in map(_number, values) if number is not None]
    return max(numbers) if len(numbers) > 1 else None
