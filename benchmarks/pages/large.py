"""Ways to train on a large graph."""

import math
from pathlib import Path

from benchmarks.common.records import Line, Records

MEASURES = ("preparation", "seconds", "peak", "kept", "accuracy")
FULL = "full batch, all negatives"
#: What a row was measured on, as columns.
MACHINE = ("cpu", "threads", "python", "torch", "torchvision", "date")
FIELDS = ("route", "scale", "nodes", "edges", "batch", "epochs", "command", *MEASURES, "from_nodes", *MACHINE)

ABOUT = """\
A generated graph (`gnnclr.node.sparse_sbm`), multiples of the size of ogbn-arxiv. Preparation is Louvain, or the \
propagation of the cached views. Peak memory is over the graph itself, preparation included. Edges kept are those that \
an epoch's batches hold. Rows marked * are not run but extrapolated from a smaller graph of the same mean degree: the \
loss by the square of the ratio of nodes, the rest and memory by the ratio. Accuracy is of a linear probe after the \
epochs that were timed: too few to compare methods by."""


def large_records(folder: Path) -> Records:
    """A row a scale and route."""
    return Records(folder / "large.csv", FIELDS, ("scale", "route"))


def scales(folder: Path) -> dict[str, list[Line]]:
    """Scale to rows."""
    rows = large_records(folder).rows()
    order = sorted({row["scale"] for row in rows}, key=float)
    return {scale: [row for row in rows if row["scale"] == scale] for scale in order}


def text(folder: Path, name: str) -> str:
    """A table a scale."""
    found = scales(folder)
    parts = ["## Batches, routes and full batch", ABOUT] if found else []
    for rows in found.values():
        parts += part(rows)
    return "\n\n".join([*parts, "![seconds and memory](large.png)"]) if found else ""


def part(rows: list[Line]) -> list[str]:
    """The heading, the origin and the table of a scale."""
    first = rows[0]
    lines = ["| | preparation | an epoch | peak memory | edges kept | accuracy |", "|---|---|---|---|---|---|"]
    lines += [f"| {' | '.join(cells(row))} |" for row in rows]
    notes = sorted({int(float(row["from_nodes"])) for row in rows} - {0})
    parts = [
        f"### Scale {first['scale']}: {int(first['nodes']):,} nodes, {int(first['edges']):,} undirected edges",
        f"Batches of {first['batch']} nodes, epochs: {first['epochs']}. `{first['command']}`; "
        + ", ".join(f"{key} {first[key]}" for key in MACHINE if key != "torchvision")
        + ".",
        "\n".join(lines),
    ]
    return parts + [f"\\* Extrapolated from {count:,} nodes, not measured." for count in notes]


def cells(row: Line) -> list[str]:
    value = {name: float(row[name] or "nan") for name in MEASURES}
    star = "*" if float(row["from_nodes"]) else ""
    return [
        row["route"] + star,
        duration(value["preparation"]),
        duration(value["seconds"]) + star,
        "–" if math.isnan(value["peak"]) else f"{value['peak']:,.0f} MB{star}",
        "–" if math.isnan(value["kept"]) else f"{100 * value['kept']:.0f} %",
        "–" if math.isnan(value["accuracy"]) else f"{100 * value['accuracy']:.1f}",
    ]


def duration(seconds: float) -> str:
    if math.isnan(seconds):
        return "–"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


def plot(folder: Path, path: Path) -> None:
    """A row of panels a scale: seconds and memory."""
    from benchmarks.common.plots import OURS, bare, new_figure, save

    found = scales(folder)
    most = max(len(rows) for rows in found.values())
    figure = new_figure(10, 0.8 + len(found) * (0.7 + 0.34 * most))
    grid = figure.subplots(len(found), 2, sharey="row", squeeze=False)
    for panels, rows in zip(grid, found.values()):
        rows = [row for row in rows if not math.isnan(float(row["seconds"]))]
        for axes, measure, title in zip(panels, ("seconds", "peak"), ("seconds an epoch", "peak memory, MB")):
            for place, row in enumerate(reversed(rows)):
                far, value = bool(float(row["from_nodes"])), float(row[measure])
                # Points, as bars on a logarithmic axis begin anywhere.
                axes.plot(value, place, "o", color=OURS, markerfacecolor="white" if far else OURS)
                label = duration(value) if measure == "seconds" else f"{value:,.0f}"
                axes.annotate(label, (value, place), (0, 6), textcoords="offset points", ha="center", fontsize=8)
            axes.set_xscale("log")
            axes.margins(x=0.15, y=0.2)
            axes.set_yticks(range(len(rows)), [row["route"] for row in reversed(rows)])
            axes.set_title(f"{int(rows[0]['nodes']):,} nodes: {title}" if rows else title, fontsize=10, loc="left")
            bare(axes, grid="x", left=False)
    figure.supxlabel("hollow: extrapolated, not measured", fontsize=8)
    save(figure, path)
