"""The style of all plots."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gnnclr.eval import Difference

#: This package, the same beside something else, what it is compared with, and text.
OURS, LIGHT, OTHERS, INK = "#3b6ea8", "#9bb8d9", "#a3abb5", "#1f2933"
#: Differences that are clear, those that are not, the oracle and features without training.
HELPS, HURTS, UNCLEAR, ORACLE, FEATURES = "#2f7d4f", "#b04030", "#8a939e", "#3b6ea8", "#b08030"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, without a window."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def bare(axes: Axes, grid: str | None = None, left: bool = True) -> None:
    """Removes frames; a light ``grid`` along one axis."""
    axes.spines[["top", "right"] if left else ["top", "right", "left"]].set_visible(False)
    if not left:
        axes.tick_params(axis="y", length=0)
    if grid is not None:
        axes.grid(axis=grid, color="#eeeeee")
        axes.set_axisbelow(True)


def verdict_color(difference: Difference) -> str:
    """The color of a difference: gray where it is not clear."""
    return {"helps": HELPS, "hurts": HURTS}.get(difference.verdict, UNCLEAR)


def save(figure: Figure, path: Path, **kwargs: Any) -> None:
    """Writes a PNG that is the same each time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130, metadata={"Software": None}, **kwargs)
