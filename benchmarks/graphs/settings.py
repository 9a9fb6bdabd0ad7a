"""Training settings of each method on each data set, and the search that chooses them."""

import argparse
import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.graphs.recipes import methods_of_recipes, part_of_recipe

FILE = Path(__file__).with_name("node.json")
#: Part of every hash: results of another protocol are other results.
PROTOCOL = 1


class Settings:
    """The file of settings: for each method ``default`` ones, ``declared`` and ``searched`` ones by data set, a
    ``grid`` to search, and ``sources``. A method that is not in the file has those of its recipe, and no grid.

    Args:
        path (Path): The JSON file.
        overrides (mapping, optional): Values that take the place of those in the file. (default: none)
        ignore_searched (bool, optional): Use declared settings where a search has chosen others. (default: ``False``)
    """

    def __init__(self, path: Path, overrides: Mapping[str, Any] | None = None, ignore_searched: bool = False):
        self.path, self.overrides, self.ignore_searched = path, dict(overrides or {}), ignore_searched
        self.table = json.loads(path.read_text())
        self._of_recipes: dict[str, dict[str, Any]] = {}

    def declared(self, method: str, dataset: str) -> dict[str, Any]:
        """What a search starts from."""
        part = self._part(method)
        return self._override(method, part["default"] | part.get("declared", {}).get(dataset, {}))

    def chosen(self, method: str, dataset: str) -> dict[str, Any]:
        """What runs use."""
        searched = self._part(method).get("searched", {}).get(dataset)
        if searched is None or self.ignore_searched:
            return self.declared(method, dataset)
        return self._override(method, self._part(method)["default"] | searched)

    def source(self, method: str, dataset: str) -> str:
        """Where the settings come from, in words."""
        part = self._part(method)
        if dataset in part.get("searched", {}) and not self.ignore_searched:
            text = part["sources"].get(f"searched {dataset}", "search")
        elif dataset in part.get("declared", {}):
            text = part["sources"].get(dataset, part["sources"]["default"])
        else:
            text = part["sources"]["default"]
        used = {key: value for key, value in self.overrides.items() if key in part["default"]}
        return text + (f"; by hand: {json.dumps(used)}" if used else "")

    def has_grid(self, method: str) -> bool:
        """Whether there is something to search."""
        return bool(self._part(method).get("grid"))

    def grid(self, method: str, dataset: str) -> Iterator[dict[str, Any]]:
        """All settings of the grid of a method."""
        grid = self._part(method).get("grid", {})
        if not grid:
            raise ValueError(f"'{self.path}' must have a grid to search for {method!r} (got none)")
        for values in itertools.product(*grid.values()):
            yield self.declared(method, dataset) | dict(zip(grid, values))

    def save(self, method: str, dataset: str, settings: Mapping[str, Any], source: str) -> None:
        """Writes what a search has chosen, in place of an earlier choice."""
        part = self._part(method)
        part.setdefault("searched", {})[dataset] = dict(settings)
        part.setdefault("sources", {})[f"searched {dataset}"] = source
        temporary = self.path.with_suffix(".tmp")
        temporary.write_text(_pretty(self.table) + "\n")
        os.replace(temporary, self.path)

    def _part(self, method: str) -> dict[str, Any]:
        if method not in self.table and method in methods_of_recipes():
            if method not in self._of_recipes:
                self._of_recipes[method] = part_of_recipe(method)
            return self._of_recipes[method]
        if method not in self.table:
            raise ValueError(f"'{self.path}' must have settings for {method!r} (got {', '.join(self.table)})")
        return self.table[method]

    def _override(self, method: str, settings: dict[str, Any]) -> dict[str, Any]:
        return settings | {key: value for key, value in self.overrides.items() if key in self._part(method)["default"]}


def assignment(text: str) -> tuple[str, Any]:
    """The key and the value of an argument ``key=value``, a value that is no JSON as text."""
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"must be key=value (got {text!r})")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def settings_hash(row: str, settings: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that change with the row, its settings or the protocol."""
    text = json.dumps([PROTOCOL, row, settings], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _pretty(value: Any, indent: int = 0) -> str:
    """JSON with the settings of a data set on a line."""
    if not isinstance(value, dict) or not any(isinstance(v, dict) for v in value.values()):
        return json.dumps(value, ensure_ascii=False)
    pad = " " * indent
    lines = [f"{pad}  {json.dumps(key)}: {_pretty(v, indent + 2)}" for key, v in value.items()]
    return "{\n" + ",\n".join(lines) + f"\n{pad}}}"
