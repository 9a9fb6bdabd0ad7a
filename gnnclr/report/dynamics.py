"""Plots of alignment, uniformity and other metrics over a training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gnnclr.report.figure import INK, LINES, MUTED, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Steps and values of each column of a file.
Columns = dict[str, tuple[list[float], list[float]]]


def plot_dynamics(
    runs: Mapping[str, str | Path | Sequence[str | Path]],
    metrics: Sequence[str] = ("loss", "alignment", "uniformity"),
    smooth: float = 0.6,
) -> "Figure":
    """Plots metrics over the steps of one or more runs.

    Args:
        runs (dict): The ``metrics.csv`` of each run, by name, or those of several runs that share a name and a color,
            such as the seeds of a recipe.
        metrics (list, optional): Columns to plot, a panel each. (default: ``("loss", "alignment", "uniformity")``)
        smooth (float, optional): Weight of the past in the running mean that is drawn over the raw values; ``0`` draws
            the values alone. (default: ``0.6``)

    Raises:
        ValueError: If no run has a metric, or a file was not written by a run.
    """
    tables = {
        name: [_columns(path) for path in ([paths] if isinstance(paths, (str, Path)) else paths)]
        for name, paths in runs.items()
    }
    for metric in metrics:
        if not any(metric in table for group in tables.values() for table in group):
            names = {column for group in tables.values() for table in group for column in table}
            known = ", ".join(sorted(names - {"step", "epoch"})) or "none"
            raise ValueError(f"'metrics' must be columns of the files (got {metric!r}; there are {known})")
    figure, axes = new_figure(len(metrics), 3.3, 2.7)
    for axis, metric in zip(axes, metrics):
        for (name, group), color in zip(tables.items(), LINES * len(tables)):
            for number, table in enumerate(group):
                steps, values = table.get(metric, ([], []))
                if smooth:
                    axis.plot(steps, values, color=color, linewidth=0.8, alpha=0.25)
                style = {"marker": "o", "markersize": 4} if len(values) == 1 else {}  # a line of one point is none
                style["label"] = None if number else name
                axis.plot(steps, _running_mean(values, smooth), color=color, linewidth=1.8, **style)
        axis.set_title(metric, color=INK, fontsize=11)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set_xlabel("step", color=MUTED, fontsize=9)
    if len(runs) > 1:
        handles, names = axes[0].get_legend_handles_labels()
        columns = min(len(runs), 2 * len(metrics))
        style = {"frameon": False, "labelcolor": INK, "fontsize": 9}
        figure.legend(handles, names, loc="outside lower center", ncols=columns, **style)
    return figure


def _columns(path: str | Path) -> Columns:
    from gnnclr.train import read_metrics  # with all that trains: other figures need none of it

    columns: Columns = {}
    for row in read_metrics(path):
        for name, value in row.items():
            steps, values = columns.setdefault(name, ([], []))
            steps.append(row["step"])
            values.append(value)
    if not columns:
        raise ValueError(f"'{path}' must be the metrics.csv of a run (got no line of one)")
    return columns


def _running_mean(values: list[float], weight: float) -> list[float]:
    # Divided by the sum of the weights, so that the first values do not hold the curve back.
    means, total, norm = [], 0.0, 0.0
    for value in values:
        total, norm = weight * total + value, weight * norm + 1.0
        means.append(total / norm)
    return means
