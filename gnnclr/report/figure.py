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
#: The lines of runs, one after the other.
LINES = (ATTRACT, NEIGHBOR, "#228833", "#aa3377", "#44aa99", "#7f6bb8", "#ccbb44", "#66ccee")
#: What is dark on a light page, and what takes its place on a dark one.
DARK = {INK: "#e4e7eb", MUTED: "#9aa5b1", ATTRACT: "#6ea8e6", REPEL: "#ef6a70", "#aa3377": "#d468a6"}
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


def as_picture(axis: "Axes", title: str) -> None:
    """Leaves nothing of the frame of a panel but a title: positions in it mean nothing by themselves.

    Args:
        axis (matplotlib.axes.Axes): The panel.
        title (str): The title.
    """
    axis.set_title(title, color=INK, fontsize=11)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def data_uri(figure: "Figure", kind: str = "svg", dpi: int = 160) -> str:
    """The figure as the ``src`` of an HTML image, without a background of its own.

    Args:
        figure (matplotlib.figure.Figure): The figure.
        kind (str, optional): ``"svg"`` or ``"png"``. (default: ``"svg"``)
        dpi (int, optional): Resolution of PNG files, and of the parts of SVG files that are rasterised.
            (default: ``160``)
    """
    return _uri(_drawn(figure, kind, dpi), "image/svg+xml" if kind == "svg" else "image/png")


def light_and_dark(figure: "Figure", dpi: int = 160) -> tuple[str, str]:
    """The figure as the ``src`` of an HTML image of a light page, and of a dark one, where dark ink is light.

    Args:
        figure (matplotlib.figure.Figure): The figure.
        dpi (int, optional): Resolution of the parts that are rasterised. (default: ``160``)
    """
    light = _drawn(figure, "svg", dpi)
    dark = light
    for color, lighter in DARK.items():
        dark = dark.replace(color.encode(), lighter.encode())
    return _uri(light, "image/svg+xml"), _uri(dark, "image/svg+xml")


def _drawn(figure: "Figure", kind: str, dpi: int) -> bytes:
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata, transparent=True)
    return buffer.getvalue()


def _uri(content: bytes, mime: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"
