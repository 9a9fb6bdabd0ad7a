"""Pictures for pages of the gallery: also figures that gnnclr.report returns, which matplotlib.pyplot does not know."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst, matplotlib_scraper

# It says that it draws the frames of animations without ffmpeg.
logging.getLogger("matplotlib.animation").setLevel(logging.ERROR)
SHOWN = "shown on its page"


def figure_scraper(block: tuple, variables: dict[str, Any], settings: dict[str, Any]) -> str:
    """The text that shows the figure with which a block of code ends, else those of pyplot."""
    figure = variables["example_globals"].get("___")
    if not isinstance(figure, Figure) or figure.get_label() == SHOWN:
        return matplotlib_scraper(block, variables, settings)
    figure.set_label(SHOWN)  # a later block that ends otherwise leaves it where it is
    path = next(variables["image_path_iterator"])
    figure.savefig(path, dpi=120, facecolor="white")
    return figure_rst([path], settings["src_dir"])


def _get_sg_image_scraper() -> Callable[..., str]:
    # The name by which sphinx-gallery asks a module for its scraper.
    return figure_scraper


SETTINGS = {
    "examples_dirs": str(Path(__file__).parent.parent / "examples" / "gallery"),
    "gallery_dirs": "gallery",
    "image_scrapers": ("figure_scraper",),
    "ignore_repr_types": r"matplotlib\.figure",
    "matplotlib_animations": (True, "jshtml"),
    "abort_on_example_error": True,
    "show_memory": False,
    "min_reported_time": 60,
    "download_all_examples": False,
    "backreferences_dir": None,
    "write_computation_times": False,
    "show_signature": False,
    "copyfile_regex": r"^$",
}
