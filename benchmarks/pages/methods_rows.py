"""Which results of the benchmark of methods have the present settings."""

import shlex
from collections.abc import Sequence

from benchmarks.common.records import Line, Records
from benchmarks.graphs.features import BASELINES
from benchmarks.graphs.recipes import METHODS, is_file
from benchmarks.graphs.rows import LOOP, WITH_PX, Row
from gnnclr.configs import RecipeError

#: Data set to row to the lines of its seeds.
Found = dict[str, dict[str, list[Line]]]


def current(file: Records, overrides: Sequence[str] = (), kind: str = "") -> Found:
    """Data set to row to the lines of its seeds, as far as they have the present settings: those of the recipes, with
    ``overrides``. What a plain loop has trained counts where there is nothing else of its row."""
    found: Found = {}
    lines = file.rows()
    graphs = {line["dataset"]: line["graph"] for line in lines}  # of files that changed, the latest
    marks: dict[tuple[str, ...], str | None] = {}
    for line in lines:
        key = tuple(line[name] for name in ("dataset", "row", "recipe", "overrides"))
        if key not in marks:
            marks[key] = present(line, overrides, kind)
        if line["graph"] == graphs[line["dataset"]] and line["hash"] == marks[key]:
            found.setdefault(line["dataset"], {}).setdefault(line["row"], []).append(line)
    for rows in found.values():
        for row, of_row in rows.items():
            rows[row] = [line for line in of_row if line["training"] != LOOP] or of_row
    return {dataset: {row: rows[row] for row in sorted(rows, key=place)} for dataset, rows in found.items()}


def present(line: Line, overrides: Sequence[str], kind: str) -> str | None:
    """The hash of the present settings of the row of a line; none if the line has other overrides."""
    name = line["row"].removesuffix(WITH_PX)
    if name not in BASELINES and line["overrides"] != shlex.join(overrides):
        return None
    name, kind = line["recipe"] if is_file(line["recipe"]) else name, WITH_PX if line["row"] != name else kind
    try:
        return Row(name, line["dataset"], overrides, kind=kind).hash
    except RecipeError:  # there is no such recipe any more
        return None


def place(row: str) -> tuple[int, str]:
    """Where a row stands in a table: baselines, methods, files; what is beside propagated features comes next."""
    name = row.removesuffix(WITH_PX)
    known = [*BASELINES, *METHODS]
    return known.index(name) if name in known else len(known), row


def earlier(file: Records, now: Found) -> Found:
    """The lines that a plain loop has trained of rows that were trained anew, with the same settings."""
    anew = {(dataset, lines[0]["hash"]) for dataset, rows in now.items() for lines in rows.values()}
    found: Found = {}
    for line in file.rows():
        if line["training"] == LOOP and (line["dataset"], line["hash"]) in anew:
            lines = now[line["dataset"]][line["row"]]
            if lines[0]["training"] != LOOP and lines[0]["graph"] == line["graph"]:
                found.setdefault(line["dataset"], {}).setdefault(line["row"], []).append(line)
    return found


def others(file: Records, now: Found) -> Found:
    """The lines of methods with other settings than the present ones, by their overrides, or the day of a recipe that
    has changed since."""
    seen = {(line["dataset"], line["hash"]) for rows in now.values() for lines in rows.values() for line in lines}
    found: Found = {}
    for line in file.rows():
        row = line["row"]
        if row not in BASELINES and not row.endswith(WITH_PX) and (line["dataset"], line["hash"]) not in seen:
            title = f"{row}, `{line['overrides']}`" if line["overrides"] else f"{row}, the recipe of {line['date']}"
            found.setdefault(line["dataset"], {}).setdefault(title, []).append(line)
    return found
