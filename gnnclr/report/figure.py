"""Figures that are drawn without touching matplotlib's global state."""

import base64
import io
from typing import TYPE_CHECKING

from gnnclr.ops.labels import UNLABELED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1f2933"
MUTED = "#7b8794"
ATTRACT = "#2563a8"
NEIGHBOR = "#e07b00"
REPEL = "#b4232a"
# Ten hues of equal weight that stay apart for color-blind readers as far as ten can (after Paul Tol's schemes).
CLASSES = (
    "#4477aa",
    "#ee6677",
    "#228833",
    "#ccbb44",
    "#66ccee",
    "#aa3377",
    "#e0821e",
    "#44aa99",
    "#7f6bb8",
    "#8c8c8c",
)


def class_color(label: int) -> str:
    """The color of a class, or muted where a label is missing; colors repeat after ten."""
    return MUTED if int(label) == UNLABELED else CLASSES[int(label) % len(CLASSES)]


def new_figure(columns: int = 1, width: float = 4.2, height: float = 3.6) -> "tuple[Figure, list[Axes]]":
    """An empty figure with panels side by side.

    Args:
        columns (int, optional): Number of panels. (default: ``1``)
        width (float, optional): Width of a panel in inches. (default: ``4.2``)
        height (float, optional): Height in inches. (default: ``3.6``)

    Returns:
        tuple: The figure and the list of its axes.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height), layout="constrained")
    axes = [figure.add_subplot(1, columns, i + 1) for i in range(columns)]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color(MUTED)
        axis.tick_params(colors=MUTED, labelsize=9)
    return figure, axes


def data_uri(figure: "Figure", kind: str = "svg", dpi: int = 160) -> str:
    """The figure as the ``src`` of an HTML image.

    Args:
        figure (matplotlib.figure.Figure): The figure.
        kind (str, optional): ``"svg"`` or ``"png"``. (default: ``"svg"``)
        dpi (int, optional): Resolution of PNG files, and of the parts of SVG files that are rasterised.
            (default: ``160``)
    """
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
    mime = "image/svg+xml" if kind == "svg" else "image/png"
    return f"data:{mime};base64,{base64.b64encode(buffer.getvalue()).decode()}"
