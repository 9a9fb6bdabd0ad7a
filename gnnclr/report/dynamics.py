"""Plots of alignment, uniformity and other metrics over a training."""

import csv
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gnnclr.ops.read_files import read_files
from gnnclr.report.figure import ATTRACT, INK, MUTED, NEIGHBOR, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The expected kind of file, for messages.
METRICS = "be the metrics.csv of a run"
COLORS = (ATTRACT, NEIGHBOR, "#228833", "#aa3377")


def plot_dynamics(
    runs: Mapping[str, str | Path], metrics: Sequence[str] = ("loss", "alignment", "uniformity"), smooth: float = 0.6
) -> "Figure":
    """Plots metrics over the steps of one or more runs.

    Args:
        runs (dict): The ``metrics.csv`` of each run, by name.
        metrics (list, optional): Columns to plot, a panel each. (default: ``("loss", "alignment", "uniformity")``)
        smooth (float, optional): Weight of the past in the running mean that is drawn over the raw values; ``0`` draws
            the values alone. (default: ``0.6``)

    Raises:
        ValueError: If no run has a metric, or a file was not written by a run.
    """
    tables = {name: read_files(path, partial(_columns, Path(path)), METRICS) for name, path in runs.items()}
    for metric in metrics:
        if not any(metric in table for table in tables.values()):
            known = sorted({column for table in tables.values() for column in table} - {"step", "epoch"})
            raise ValueError(
                f"'metrics' must be columns of the files (got {metric!r}; there are {', '.join(known) or 'none'})"
            )
    figure, axes = new_figure(len(metrics), 3.3, 2.7)
    for axis, metric in zip(axes, metrics):
        for (name, table), color in zip(tables.items(), COLORS * len(tables)):
            steps, values = table.get(metric, ([], []))
            if smooth:
                axis.plot(steps, values, color=color, linewidth=0.8, alpha=0.25)
            axis.plot(steps, _running_mean(values, smooth), color=color, linewidth=1.8, label=name)
        axis.set_title(metric, color=INK, fontsize=11)
        axis.set_xlabel("step", color=MUTED, fontsize=9)
    if len(runs) > 1:
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(
            handles, names, loc="outside lower center", ncols=len(runs), frameon=False, labelcolor=INK, fontsize=9
        )
    return figure


def _columns(path: Path) -> dict[str, tuple[list[float], list[float]]]:
    columns: dict[str, tuple[list[float], list[float]]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for name, value in row.items():
                if value:
                    steps, values = columns.setdefault(name, ([], []))
                    steps.append(float(row["step"]))
                    values.append(float(value))
    return columns


def _running_mean(values: list[float], weight: float) -> list[float]:
    # Divided by the sum of the weights, so that the first values do not hold the curve back.
    means, total, norm = [], 0.0, 0.0
    for value in values:
        total, norm = weight * total + value, weight * norm + 1.0
        means.append(total / norm)
    return means
