"""The output of the command ``gnnclr list``."""

import inspect
import re
import textwrap
from importlib import import_module
from types import ModuleType
from typing import Any

from gnnclr.configs import RecipeName, available_recipes, recipe_card, recipe_cards
from gnnclr.configs.layers import KINDS, layer, names

WIDTH = 100
ROOMS = {"losses": "gnnclr.losses", "layers": "gnnclr.nn", "graph": "gnnclr.graph", "probes": "gnnclr.eval"}
LISTS = ("configs", "methods", "variants", *ROOMS)


def listing(what: str, names_only: bool = False) -> str:
    """The text of ``gnnclr list``, at most 100 columns wide where words allow.

    Args:
        what (str): One of :obj:`LISTS`.
        names_only (bool, optional): Names alone, one a line. (default: ``False``)
    """
    if what == "configs" and not names_only:
        return _overview()
    if what in ("methods", "variants"):
        entries = _methods() if what == "methods" else _variants()
    elif what == "configs":
        entries = dict.fromkeys(available_recipes(), "")
    elif what == "losses":
        entries = {name: _objective_card(loss) for name, loss in _objects(import_module(ROOMS[what]), True).items()}
    else:
        entries = _objects(import_module(ROOMS[what]), False)
    if names_only:
        return "\n".join(entries)
    if what in ("losses", "methods", "variants"):
        return "\n\n".join(_entry(name, lines) for name, lines in entries.items())
    width = max(map(len, entries)) + 2
    return "\n".join(_wrap(name.ljust(width), text, width) for name, text in entries.items())


def _overview() -> str:
    """Recipes by kind: methods, their variants below them, and the data and sizes that settings were chosen for."""
    lines = [
        "Names: METHOD-DATA or METHOD-DATA-SIZE, as simclr-attn-cifar10-cpu; any data of the kind, settings",
        "were chosen for those shown. METHOD alone takes --data.dataset. Same name twice: graphs/vicreg.",
    ]
    for kind in KINDS:
        usual, shown = layer(kind, "", "base").get("size"), set()
        sizes = ", ".join(sorted(names(kind, "size"), key=lambda size: size != usual))
        lines += [""] if len(lines) > 2 else []  # a screen has sixty lines
        lines.append(_row(kind.upper(), "method, variants", "data", "size" if sizes else ""))
        for method in names(kind, "methods"):
            card = layer(kind, "methods", method)["card"]
            lines.append(_row(method, card["title"].rstrip(","), ", ".join(card["data"]), sizes))
            shown |= set(card["data"])
            groups: dict[str, list[str]] = {}
            for variant in names(kind, "variants"):
                if method == RecipeName(kind, variant).method:
                    groups.setdefault(", ".join(layer(kind, "variants", variant)["card"]["data"]), []).append(variant)
            for data, variants in sorted(groups.items(), key=lambda group: -len(group[1])):  # the usual data first
                # The first line has data beside it, others the whole width.
                first, *rest = textwrap.wrap("  ".join(variants), 82, initial_indent=" " * 42, break_on_hyphens=False)
                lines += [_row("", first.strip(), data, sizes), *(_row("", line) for line in rest)]
        further = [data for data in names(kind, "data") if data not in shown]
        lines += [_row("further data", ", ".join(further))] if further else []
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return "".join(cell.ljust(width) for cell, width in zip(cells, (16, 42, 28, 0))).rstrip()


def _methods() -> dict[str, dict[str, str]]:
    """Methods with their paper, formula and recipes; variants without a name of their own are not among them."""
    cards, methods = recipe_cards(), {}
    for name, card in cards.items():
        if "technique" in card and recipe_card(card["base"])["method"] == card["method"]:
            continue
        method = methods.setdefault(card["method"], {"paper": card["paper"], "formula": card["formula"], "configs": []})
        method["configs"].append(name)
    return {
        name: methods[name] | {"configs": ", ".join(methods[name]["configs"])}
        for name in sorted(methods, key=str.lower)
    }


def _variants() -> dict[str, dict[str, str]]:
    """Recipes that change one part of another, with the technique and its source."""
    keys = ("technique", "base", "formula", "paper", "published")
    cards = {name: card for name, card in recipe_cards().items() if "technique" in card}
    return {name: {key: card[key] for key in keys if key in card} for name, card in cards.items()}


def _objects(module: ModuleType, losses: bool) -> dict[str, Any]:
    """Public objects of a package: its objectives, or the summary of everything but submodules."""
    values = {name: getattr(module, name) for name in sorted(module.__all__)}
    if losses:
        # Base classes have no card.
        return {name: value for name, value in values.items() if getattr(value, "card", None) is not None}
    return {name: _summary(value) for name, value in values.items() if not inspect.ismodule(value)}


def _objective_card(loss: type) -> dict[str, str]:
    arguments = inspect.signature(loss).parameters.values()
    return vars(loss.card) | {"arguments": ", ".join(f"{a.name}={a.default!r}" for a in arguments)}


def _entry(name: str, lines: dict[str, str]) -> str:
    return "\n".join([name, *(_wrap(f"  {part:11}", text, 13) for part, text in lines.items())])


def _summary(value: object) -> str:
    """The first sentence of a docstring, without markup."""
    text = without_markup((inspect.getdoc(value) or "").split("\n\n")[0])
    return re.split(r"(?<=\w\w[\w)])\. ", text)[0].rstrip(".,:;")


def without_markup(text: str) -> str:
    """A text of a docstring in one line, as a terminal shows it.

    Args:
        text (str): The text, with the markup of Sphinx.
    """
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?([^`]+)`", r"\1", " ".join(text.split()))
    text = re.sub(r"`+\"?([^`<]+?)\"?\s*(?:<[^`]*>)?`+_?", r"\1", text)
    return re.sub(r"\\mathbf|[\\{}]", "", text)


def _wrap(label: str, text: str, indent: int) -> str:
    # An address stays in one piece: it can be clicked.
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=label,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
