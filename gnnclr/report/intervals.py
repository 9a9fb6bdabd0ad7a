"""Means and what they may be off by, a row each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gnnclr.report.figure import INK, MUTED, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Interval:
    """A row of :func:`plot_intervals`.

    Args:
        mean (float): The mark.
        half (float, optional): Half the length of the bar around it; zero or NaN draws none. (default: ``0.0``)
        color (str, optional): The color of both. (default: that of what is beside the point)
        points (tuple, optional): Single values, drawn small and pale. (default: none)
    """

    mean: float
    half: float = 0.0
    color: str = MUTED
    points: Sequence[float] = field(default=())


def plot_intervals(rows: Mapping[str, Interval], label: str, zero: bool = False, digits: int = 1) -> "Figure":
    """Draws a mark with a bar for each row, the first row at the top, and the number beside it.

    Args:
        rows (dict): The rows by name.
        label (str): What is measured, with its unit.
        zero (bool, optional): Whether to draw a line at zero. (default: ``False``)
        digits (int, optional): Digits of the numbers. (default: ``1``)
    """
    figure, (axis,) = new_figure(1, 4.6, 0.9 + 0.34 * len(rows))
    if zero:
        axis.axvline(0.0, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
    for y, row in enumerate(rows.values()):
        axis.plot(row.points, [y] * len(row.points), "o", color=row.color, markersize=3.5, alpha=0.4, linewidth=0)
        if row.half > 0:  # and not NaN
            axis.plot([row.mean - row.half, row.mean + row.half], [y, y], color=row.color, linewidth=2.4)
        axis.plot([row.mean], [y], "o", color=row.color, markersize=7)
        text = f"{row.mean:+.{digits}f}" if zero else f"{row.mean:.{digits}f}"
        place = {"xy": (1.0, y), "xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 9, "color": INK}
        axis.annotate(text, xytext=(6, 0), textcoords="offset points", annotation_clip=False, **place)
    axis.set_yticks(range(len(rows)), list(rows), color=INK)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.spines["left"].set_visible(False)
    axis.tick_params(axis="y", length=0)
    axis.margins(x=0.08)
    axis.set_xlabel(label, color=INK, fontsize=9)
    return figure
