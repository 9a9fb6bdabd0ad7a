"""The samples of several processes: time, memory and traffic of a step beside peers."""

import itertools
from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Records

FIELDS = ("loss_name", "method", "pairs", "processes", "seconds", "memory_mb", "received_mb", "loss")
FAMILIES = {"nt_xent": "NT-Xent", "info_nce": "InfoNCE, one way", "clip": "CLIP", "sup_con": "SupCon of 100 labels"}
#: This package; this package through the graph of all samples, as its other losses are computed; and through the graph
#: with gradients of all rows that are sent.
OURS, WHOLE, SENT = "gnnclr", "gnnclr, through the graph", "gnnclr, gradients sent"
LIGHTLY, OPEN_CLIP = "lightly", "open_clip's form"
METHODS = [OURS, WHOLE, SENT, LIGHTLY, OPEN_CLIP]
WIDTH = 128


def distributed_records(folder: Path) -> Records:
    """A row a loss, method, size and number of processes."""
    return Records(folder / "distributed.csv", FIELDS, FIELDS[:4])


def text(folder: Path, name: str) -> str:
    """A table a loss."""
    rows = distributed_records(folder).rows()
    if not rows:
        return ""
    about = (
        "Loss and gradient of one batch, d = 128, on one process and on two of the same machine, each on one thread; "
        "pairs are those of all processes. Seconds are those of the processor, of the process that takes longest, and "
        "peak memory is over its inputs. Received is what a process gets from the other in a step, and rows of others "
        "is that over the size of the other's rows: one where each arrives once. Cores were shared with "
        "other work: small differences of time mean nothing."
    )
    parts = ["## One and two processes", about, origin(folder, name)]
    for family, title in FAMILIES.items():
        if found := [row for row in rows if row["loss_name"] == family]:
            parts += [f"### {title}", table(found)]
    return "\n\n".join([*parts, f"![time and traffic on two processes]({name}.png)"])


def table(rows: list[dict[str, str]]) -> str:
    """Sizes and methods by measures."""
    titles = ("pairs", "", "one process", "two", "speedup", "peak memory of one", "of two", "received")
    lines = [f"| {' | '.join((*titles, 'rows of others'))} |", "|---:|---" + "|---:" * 7 + "|"]
    found = {(row["pairs"], row["method"], row["processes"]): row for row in rows}
    methods = sorted({row["method"] for row in rows}, key=METHODS.index)
    for n, method in itertools.product(sorted({row["pairs"] for row in rows}, key=int), methods):
        one, two = (found.get((n, method, world)) for world in ("1", "2"))
        if not two:
            continue
        cells = [f"{int(n):,}", method]
        cells += [milliseconds(row) for row in (one, two)]
        cells.append(f"{float(one['seconds']) / float(two['seconds']):.2f}" if one else "–")
        cells += [f"{float(row['memory_mb']):,.0f} MB" if row else "–" for row in (one, two)]
        cells += [f"{float(two['received_mb']):,.2f} MB", f"{of_others(two):.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def milliseconds(row: dict[str, str] | None) -> str:
    """A time, if it was measured."""
    return f"{float(row['seconds']) * 1e3:,.1f} ms" if row else "–"


def of_others(row: dict[str, str]) -> float:
    """What a process receives, over the size of the rows of others."""
    world = int(row["processes"])
    return float(row["received_mb"]) * 1e6 / (2 * int(row["pairs"]) * WIDTH * 4 * (world - 1) / world)


def plot(folder: Path, path: Path) -> None:
    """Time and traffic on two processes, by size."""
    from benchmarks.common.plots import OTHERS, bare, new_figure, save
    from benchmarks.common.plots import OURS as BLUE

    rows = [row for row in distributed_records(folder).rows() if row["processes"] == "2"]
    if not rows:
        return
    figure = new_figure(5 * len(FAMILIES), 7)
    for column, (family, title) in zip(figure.subplots(2, len(FAMILIES), squeeze=False).T, FAMILIES.items()):
        part = [row for row in rows if row["loss_name"] == family]
        for method in dict.fromkeys(row["method"] for row in part):
            own = sorted((row for row in part if row["method"] == method), key=lambda row: int(row["pairs"]))
            n = [int(row["pairs"]) for row in own]
            color = {OURS: BLUE, WHOLE: "#9bb8d9", SENT: "#c9a8c9"}.get(method, OTHERS)
            style = {"color": color, "marker": "o", "markersize": 4, "linewidth": 2.5 if method == OURS else 1.5}
            column[0].loglog(n, [float(row["seconds"]) for row in own], label=method, **style)
            column[1].semilogx(n, [of_others(row) for row in own], label=method, **style)
        column[0].set(title=title, ylabel="seconds a step")
        column[1].set(xlabel="pairs of both", ylabel="received, in rows of the other", ylim=(0, 3.5))
        sizes = sorted({int(row["pairs"]) for row in part})
        for axes in column:
            bare(axes, grid="both")
            axes.set_xticks(sizes, [f"{n:,}" for n in sizes])
            axes.minorticks_off()
        column[0].legend(fontsize=8, frameon=False)
    save(figure, path)
