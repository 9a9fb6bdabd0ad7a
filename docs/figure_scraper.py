"""Pictures for pages of the gallery: also figures that gnnclr.report returns, which matplotlib.pyplot does not know."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.animation import Animation
from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst, matplotlib_scraper

# It says which writer draws the frames.
logging.getLogger("matplotlib.animation").setLevel(logging.WARNING)
SHOWN = "shown on its page"


def figure_scraper(block: tuple, variables: dict[str, Any], settings: dict[str, Any]) -> str:
    """The text that shows the animation of a block of code, the figure with which it ends, or those of pyplot."""
    values = variables["example_globals"]
    for name in [name for name, value in values.items() if isinstance(value, Animation)]:
        return animation_rst(values.pop(name), Path(next(variables["image_path_iterator"])), settings)
    figure = values.get("___")
    if not isinstance(figure, Figure) or figure.get_label() == SHOWN:
        return matplotlib_scraper(block, variables, settings)
    figure.set_label(SHOWN)  # a later block that ends otherwise leaves it where it is
    path = next(variables["image_path_iterator"])
    figure.savefig(path, dpi=120, facecolor="white")
    return figure_rst([path], settings["src_dir"])


def animation_rst(animation: Animation, path: Path, settings: dict[str, Any]) -> str:
    """The text that shows an animation as a picture that moves, which needs no player and no network."""
    path = path.with_suffix(".gif")
    animation.save(path, writer="pillow", dpi=100)
    plt.close("all")
    return figure_rst([path], settings["src_dir"])


def _get_sg_image_scraper() -> Callable[..., str]:
    # The name by which sphinx-gallery asks a module for its scraper.
    return figure_scraper


EXAMPLES = Path(__file__).parent.parent / "examples"
SETTINGS = {
    "examples_dirs": [str(EXAMPLES / "tutorials"), str(EXAMPLES / "gallery")],
    "gallery_dirs": ["tutorials", "gallery"],
    "image_scrapers": ("figure_scraper",),
    "ignore_repr_types": r"matplotlib\.figure",
    "abort_on_example_error": True,
    "show_memory": False,
    "min_reported_time": 60,
    "download_all_examples": False,
    "backreferences_dir": None,
    "write_computation_times": False,
    "show_signature": False,
    "copyfile_regex": r"^$",
}
