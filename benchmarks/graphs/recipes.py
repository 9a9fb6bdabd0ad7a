"""The settings of a method on a data set: a recipe, and what a benchmark overrides of it."""

import argparse
import hashlib
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch_geometric.data import Data

from gnnclr.configs import RecipeError, RecipeName, recipe_card, recipe_settings
from gnnclr.configs.layers import names
from gnnclr.train import ContrastiveModule, build_recipe, parse_recipe

#: Part of every hash: results of another protocol are other results.
PROTOCOL = 1
#: The order of rows: contrast of nodes, decorrelation, bootstrapping, contrast with summaries, others.
FIRST = ("grace", "gca", "gcool", "csgcl", "progcl", "costa", "gbt", "vicreg", "ccassg", "bgrl", "afgrl", "sgrl")
FIRST += ("graphacl", "dgi", "mvgrl", "ggd", "sugrl", "graphmae", "decoupled", "decoupled-knn", "decoupled-lsa")
#: The methods of the benchmark: all methods and variants for graphs.
METHODS = tuple(dict.fromkeys([*FIRST, *names("graphs", "methods"), *names("graphs", "variants")]))


@dataclass(frozen=True)
class Settings:
    """A recipe and overrides of it.

    Args:
        recipe (str): The name of a recipe, or a YAML file.
        overrides (tuple of str, optional): Arguments as those of ``gnnclr fit``, such as
            ``"--model.method.loss.temperature=0.3"``. (default: none)
    """

    recipe: str
    overrides: tuple[str, ...] = ()

    @classmethod
    def of(cls, method: str, dataset: str, overrides: Sequence[str] = ()) -> "Settings":
        """The settings of a method on a data set, or for data without a name or a recipe those of the method.

        Args:
            method (str): One of :data:`METHODS`, or a YAML file.
            dataset (str): What :func:`gnnclr.node.load_node_data` reads.
            overrides (sequence of str, optional): What differs. (default: none)
        """
        joined = method if is_file(method) or dataset not in names("graphs", "data") else f"{method}-{dataset}"
        found = RecipeName.parse(joined)
        return cls(joined if found is None or found.kind == "graphs" else f"graphs/{joined}", tuple(overrides))

    @cached_property
    def parsed(self) -> Any:
        """All settings. A benchmark has read the data: those of the recipe are not used, and need no files."""
        named = "dataset" in recipe_settings(self.recipe)["data"].get("init_args", {})
        return parse_recipe(self.recipe, [*self.overrides, "--data.root=.", *([] if named else ["--data.dataset=sbm"])])

    @property
    def epochs(self) -> int:
        """The number of epochs."""
        return self.parsed.trainer.max_epochs

    @cached_property
    def transform(self) -> Callable[[Data], Data] | None:
        """What becomes of the features before a method sees them.

        Raises:
            ValueError: If the recipe trains on batches, as a benchmark trains on the whole graph.
        """
        data = build_recipe(self.parsed, channels=1).data
        if data.loader is not None:
            raise ValueError(f"'data.loader' must be null here: {self.recipe} trains on batches (--data.loader=null)")
        return data.transform

    def build(self, data: Data, classes: int | None = None) -> ContrastiveModule:
        """The method for the features of a graph, with its optimizer."""
        return build_recipe(self.parsed, data.num_features, classes).model

    @property
    def written(self) -> dict[str, Any]:
        """What is written in the recipe that results depend on, and the overrides."""
        recipe = recipe_settings(self.recipe)
        kept = {"model": recipe["model"], "transform": recipe["data"].get("init_args", {}).get("transform")}
        kept["max_epochs"] = recipe["trainer"]["max_epochs"]
        return {"recipe": kept, "overrides": list(self.overrides)}

    @property
    def sees_lsa(self) -> bool:
        """Whether the features are a latent semantic analysis."""
        return "SVDFeatures" in json.dumps(self.written)

    @property
    def columns(self) -> dict[str, str]:
        """What a row of results says of its settings."""
        return {"recipe": self.recipe, "overrides": shlex.join(self.overrides)}

    @property
    def hash(self) -> str:
        """Changes with the recipe and with the overrides."""
        return settings_hash("", self.written)

    @property
    def source(self) -> str:
        """The recipe with the source of its settings, and overrides, in words."""
        name = RecipeName.parse(self.recipe)
        said = "" if name is None else recipe_card(name).get("recipe", "")
        changed = f" with `{shlex.join(self.overrides)}`" if self.overrides else ""
        return f"`{self.recipe}`{changed}" + (f", {said}" if said else "")


def settings_hash(row: str, settings: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that change with the row, its settings or the protocol."""
    text = json.dumps([PROTOCOL, row, settings], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def is_file(method: str) -> bool:
    """Whether a method is a YAML file of the user's."""
    return Path(method).suffix in (".yaml", ".yml")


def parse_overrides(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """The options of a benchmark, and as ``overrides`` those of recipes: arguments with a dot in their name."""
    args, rest = parser.parse_known_args(argv)
    for text in rest:
        if not text.startswith("--") or "." not in text.split("=")[0] or "=" not in text:
            parser.error(f"unknown option {text!r}; overrides of a recipe are like --trainer.max_epochs=20")
    return argparse.Namespace(**vars(args), overrides=tuple(rest))


def check_overrides(parser: argparse.ArgumentParser, settings: Sequence[Settings]) -> None:
    """Exits with a message if a recipe does not take the overrides."""
    for each in settings:
        try:
            each.parsed  # noqa: B018
        except RecipeError as error:
            parser.error(f"{each.recipe}: {error}")
