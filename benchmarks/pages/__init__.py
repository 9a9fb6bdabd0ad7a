"""Pages of results: written text, with tables and pictures made of the CSV files."""

import importlib
import re
from pathlib import Path
from typing import Any

from benchmarks.common import DOCS, RESULTS

#: The sections of a page, each with the module that makes it; the text around them is in ``text/<page>.md``.
PAGES = {
    "losses": {
        "losses": "losses",
        "losses_small": "losses_small",
        "losses_products": "losses_products",
        "losses_cuda": "losses",
        "losses_small_cuda": "losses_small",
        "losses_products_cuda": "losses_products",
        "hot_path": "hot_path",
    },
    "images": {
        "views": "views",
        "chunks": "chunks",
        "cifar10": "cifar10",
        "beside_lightly": "beside_lightly",
        "objectives": "objectives",
        "variants": "variants",
    },
    "pipeline": {"pipeline": "pipeline"},
    "systems": {
        "false_negatives": "systems",
        "semantics": "systems",
        "few_shot": "systems",
        "robust": "systems",
        "captions": "systems",
    },
    "graphs": {"methods": "methods", "grace": "grace", "multiplex": "multiplex"},
    "auto": {"auto": "auto"},
    "few_labels": {"few_labels": "few_labels"},
    "communities": {"communities": "communities"},
    "large": {
        "large": "large",
        "full_batch": "full_batch",
        "processes": "processes",
        "neighborhoods": "neighborhoods",
        "scatter": "scatter",
    },
    "neighbors": {"neighbors": "neighbors"},
    "distributed": {"distributed": "distributed"},
    "dynamics": {
        "predictor_dynamics": "predictor_dynamics",
        "mini_batches": "mini_batches",
        "learned_update": "learned_update",
    },
}
TEXT = Path(__file__).parent / "text"
PLACE = re.compile(r"^\{\{(\w+)\}\}$", re.MULTILINE)


def render(page: str, folder: Path = RESULTS) -> str:
    """The Markdown of a page."""
    text = PLACE.sub(lambda found: section(found[1], folder), (TEXT / f"{page}.md").read_text(encoding="utf-8"))
    made = f"<!-- Made of benchmarks/results by `python -m benchmarks.pages {page}`: change what makes it. -->"
    return re.sub(r"\n{3,}", "\n\n", f"{made}\n\n{text.strip()}\n")


def section(name: str, folder: Path, **context: Any) -> str:
    """The Markdown of a section; empty where there are no results."""
    return _module(name).text(folder, name, **context)


def write(page: str, folder: Path = RESULTS, to: Path = DOCS) -> None:
    """Writes a page and its pictures."""
    to.mkdir(parents=True, exist_ok=True)
    (to / f"{page}.md").write_text(render(page, folder), encoding="utf-8")
    for name in PAGES[page]:
        _draw(name, folder, to)


def publish(name: str, folder: Path, **context: Any) -> str:
    """Writes the page of a section, or, of results in a folder of their own, the section alone beside them; returns
    its Markdown."""
    text = section(name, folder, **context)
    if folder.resolve() == RESULTS:
        write(next(page for page, names in PAGES.items() if name in names))
    else:
        (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")
        _draw(name, folder, folder, **context)
    return text


def _module(name: str) -> Any:
    file = next(names[name] for names in PAGES.values() if name in names)
    return importlib.import_module(f"benchmarks.pages.{file}")


def _draw(name: str, folder: Path, to: Path, **context: Any) -> None:
    draw = getattr(_module(name), "plot", None)
    if draw is not None:
        draw(folder, to / f"{name}.png", **context)
