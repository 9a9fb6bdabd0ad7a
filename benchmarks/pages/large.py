"""The table and the plot of benchmarks/large.py."""

import math
from pathlib import Path
from typing import Any

from runs import add_rows

MEASURES = ("preparation", "seconds", "peak", "kept", "accuracy")
FULL = "full batch, all negatives"
#: Keys of the environment, which are columns of the CSV file.
MACHINE = ("cpu", "threads", "python", "torch", "date")


def write(rows: list[dict[str, Any]], folder: Path) -> str:
    """Adds rows to ``large.csv``, in place of those of the same scale and route, and writes ``large.md`` and ``.png``;
    returns the text."""
    table = add_rows(folder / "large.csv", rows, ("scale", "route"))
    scales = sorted({row["scale"] for row in table}, key=float)
    parts = [
        "# Contrastive training on a large graph",
        "A generated graph (`gnnclr.node.sparse_sbm`), multiples of the size of ogbn-arxiv. Preparation is Louvain, or "
        "the propagation of the cached views. Peak memory is over the graph itself, preparation included. Edges kept "
        "are those that an epoch's batches hold. Rows marked * are not run but extrapolated from a smaller graph of "
        "the same mean degree: the loss by the square of the ratio of nodes, the rest and memory by the ratio. "
        "Accuracy is of a linear probe after the epochs that were timed: too few to compare methods by.",
    ]
    for scale in scales:
        parts += section([row for row in table if row["scale"] == scale])
    text = "\n\n".join(parts)
    (folder / "large.md").write_text(text + "\n", encoding="utf-8")
    plot({scale: [row for row in table if row["scale"] == scale] for scale in scales}, folder / "large.png")
    return text


def section(rows: list[dict[str, str]]) -> list[str]:
    """The heading, the origin and the table of a scale."""
    first = rows[0]
    lines = ["| | preparation | an epoch | peak memory | edges kept | accuracy |", "|---|---|---|---|---|---|"]
    lines += [f"| {' | '.join(cells(row))} |" for row in rows]
    notes = sorted({int(float(row["from_nodes"])) for row in rows} - {0})
    parts = [
        f"## Scale {first['scale']}: {int(first['nodes']):,} nodes, {int(first['edges']):,} undirected edges",
        "\n".join(lines),
        f"Batches of {first['batch']} nodes, epochs: {first['epochs']}. `{first['command']}`; "
        + ", ".join(f"{key} {first[key]}" for key in MACHINE if key in first)
        + ".",
    ]
    return parts + [f"\\* Extrapolated from {count:,} nodes, not measured." for count in notes]


def cells(row: dict[str, str]) -> list[str]:
    value = {name: float(row[name]) for name in MEASURES}
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


def plot(scales: dict[str, list[dict[str, str]]], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    most = max(len(rows) for rows in scales.values())
    figure = Figure(figsize=(10, 0.8 + len(scales) * (0.7 + 0.34 * most)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(scales), 2, sharey="row", squeeze=False)
    for panels, rows in zip(grid, scales.values()):
        rows = [row for row in rows if not math.isnan(float(row["seconds"]))]
        for axes, measure, title in zip(panels, ("seconds", "peak"), ("seconds an epoch", "peak memory, MB")):
            for place, row in enumerate(reversed(rows)):
                far, value = bool(float(row["from_nodes"])), float(row[measure])
                # Points, as bars on a logarithmic axis begin anywhere.
                axes.plot(value, place, "o", color="#3b6ea8", markerfacecolor="white" if far else "#3b6ea8")
                text = duration(value) if measure == "seconds" else f"{value:,.0f}"
                axes.annotate(text, (value, place), (0, 6), textcoords="offset points", ha="center", fontsize=8)
            axes.set_xscale("log")
            axes.margins(x=0.15, y=0.2)
            axes.set_yticks(range(len(rows)), [row["route"] for row in reversed(rows)])
            axes.set_title(f"{int(rows[0]['nodes']):,} nodes: {title}" if rows else title, fontsize=10, loc="left")
            axes.grid(axis="x", color="#eeeeee")
            axes.set_axisbelow(True)
            axes.spines[["top", "right", "left"]].set_visible(False)
            axes.tick_params(axis="y", length=0)
    figure.supxlabel("hollow: extrapolated, not measured", fontsize=8)
    figure.savefig(path, dpi=150)
