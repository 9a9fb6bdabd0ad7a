"""Small batches beside dense torch: time, and what a step costs the host."""

from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Line, Records
from benchmarks.pages.losses import FAMILIES

FIELDS = ("loss_name", "pairs", "width", "method", "mode", "seconds", "ratio", "kernels", "frames")
HEADINGS = {"losses_small": "Small batches on a CPU", "losses_small_cuda": "Small batches on a GPU"}
PEER, FLOOR = "dense torch", "3 products"


def losses_small_records(folder: Path, name: str) -> Records:
    """A row a family, size, method and mode; ``name`` is ``"losses_small"``, or ``"losses_small_cuda"``."""
    return Records(folder / f"{name}.csv", FIELDS, FIELDS[:5])


def text(folder: Path, name: str) -> str:
    """A table a family."""
    rows = losses_small_records(folder, name).rows()
    if not rows:
        return ""
    about = (
        "Methods take turns, and a ratio is the median over turns: of the step to that of dense torch, of the value to "
        "that of dense torch and to the step (the best times). Kernels are operations that compute something, frames "
        "calls of Python functions, both of a whole step with its backward pass and that of torch around it."
    )
    parts = [f"## {HEADINGS[name]}", about, origin(folder, name)]
    for family in FAMILIES:
        found = {
            (row["pairs"], row["width"], row["method"], row["mode"]): row for row in rows if row["loss_name"] == family
        }
        if found:
            parts += [f"### {FAMILIES[family]}, small", table(found)]
    return "\n\n".join([*parts, f"![ratios to dense torch]({name}.png)"])


def table(rows: dict[tuple[str, ...], Line]) -> str:
    """Sizes by measures."""
    titles = ("pairs × width", "step", "dense torch", "ratio", "over 3 products", "value", "ratio", "of a step")
    titles += ("kernels", "dense torch", "frames", "dense torch")
    lines = [f"| {' | '.join(titles)} |", "|---" + "|---:" * (len(titles) - 1) + "|"]
    for n, d in dict.fromkeys((n, d) for n, d, *_ in rows):
        step, dense, floor = (rows[n, d, name, "step"] for name in ("gnnclr", PEER, FLOOR))
        value = rows[n, d, "gnnclr", "value"]
        of_floor, of_step = (float(a["seconds"]) / float(b["seconds"]) for a, b in ((step, floor), (value, step)))
        cells = [f"{int(n):,} × {d}", milliseconds(step), milliseconds(dense), f"**{float(step['ratio']):.2f}**"]
        cells += [f"{of_floor:.2f}", milliseconds(value), f"{float(value['ratio']):.2f}", f"{of_step:.2f}"]
        cells += [step["kernels"], dense["kernels"], step["frames"], dense["frames"]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def milliseconds(row: Line, column: str = "seconds") -> str:
    """A time."""
    return f"{float(row[column]) * 1e3:,.2f} ms"


def plot(folder: Path, path: Path) -> None:
    """Steps and values over those of dense torch, by size."""
    from benchmarks.common.plots import bare, new_figure, save

    rows = [row for row in losses_small_records(folder, path.stem).rows() if row["method"] == "gnnclr"]
    if not rows:
        return
    figure = new_figure(5.5 * len(FAMILIES), 4)
    for axes, (family, title) in zip(figure.subplots(1, len(FAMILIES), squeeze=False)[0], FAMILIES.items()):
        for mode, label in (("step", "loss and gradient"), ("value", "loss alone")):
            part = [row for row in rows if row["loss_name"] == family and row["mode"] == mode]
            n, ratio = [int(row["pairs"]) for row in part], [float(row["ratio"]) for row in part]
            axes.semilogx(n, ratio, marker="o", markersize=4, label=label, base=2)
        axes.axhline(1, color="0.5", linestyle="--")
        axes.set(title=title, xlabel="pairs", ylabel="time over that of dense torch", ylim=(0, None))
        bare(axes, grid="both")
        axes.legend(fontsize=8, frameon=False)
    save(figure, path)
