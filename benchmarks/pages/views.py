"""Views of images per second."""

from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Records

FIELDS = ("pipeline", "batch", "views_per_second", "best", "batches", "cpu", "threads", "python", "date")
FIELDS += ("torch", "torchvision", "lightly")


def views_records(folder: Path) -> Records:
    """A row a pipeline."""
    return Records(folder / "views.csv", FIELDS, ("pipeline",))


def text(folder: Path, name: str) -> str:
    """Pipelines side by side."""
    rows = views_records(folder).rows()
    if not rows:
        return ""
    slowest = min(float(row["views_per_second"]) for row in rows)
    lines = ["| pipeline | views/s, median | best batch | × slowest |", "| --- | ---: | ---: | ---: |"]
    for row in rows:
        median, best = float(row["views_per_second"]), float(row["best"])
        lines.append(f"| {row['pipeline']} | {median:,.0f} | {best:,.0f} | {median / slowest:.1f} |")
    about = f"SimCLR's views of 32×32 images, batches of {rows[0]['batch']} images, two views each, on one core."
    return "\n\n".join(["## Views", about, origin(folder, name), "\n".join(lines), "![views a second](views.png)"])


def plot(folder: Path, path: Path) -> None:
    """Bars."""
    from benchmarks.common.plots import OTHERS, OURS, bare, new_figure, save

    rows = views_records(folder).rows()[::-1]
    figure = new_figure(7, 0.6 + 0.5 * len(rows))
    axes = figure.add_subplot()
    names, rates = [row["pipeline"] for row in rows], [float(row["views_per_second"]) for row in rows]
    colors = [OURS if name.startswith("gnnclr") else OTHERS for name in names]
    axes.bar_label(axes.barh(names, rates, color=colors), fmt="{:,.0f}", padding=3)
    axes.set_xlabel("views per second, one core")
    axes.set_xlim(0, 1.15 * max(rates))
    bare(axes)
    save(figure, path)
