"""The settings of a benchmark: a recipe, and what the benchmark overrides of it."""

import argparse
import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gnnclr.configs import RecipeError, RecipeName, recipe_card, recipe_settings
from gnnclr.train import ContrastiveModule, build_module, parse_recipe

#: Part of every hash: results of another protocol are other results.
PROTOCOL = 1
#: Columns of results that name their settings.
COLUMNS = ("recipe", "overrides")


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

    def with_overrides(self, *overrides: str) -> "Settings":
        """The same with further overrides."""
        return Settings(self.recipe, (*self.overrides, *overrides))

    @cached_property
    def parsed(self) -> Any:
        """All settings. A benchmark has read the data: those of the recipe are not used, and need no files; a method
        without data gets the name of a file, which chooses no settings."""
        named = "dataset" in recipe_settings(self.recipe)["data"].get("init_args", {})
        data = ["--data.root=."] if named else ["--data.root=.", "--data.dataset=data.pt"]
        return parse_recipe(self.recipe, [*self.overrides, *data])

    @property
    def epochs(self) -> int:
        """The number of epochs."""
        return self.parsed.trainer.max_epochs

    def build(self, channels: int, classes: int | None = None) -> ContrastiveModule:
        """The method for data of some channels and classes, with its optimizer."""
        return build_module(self.parsed, channels, classes)

    @property
    def written(self) -> dict[str, Any]:
        """What is written in the recipe that results depend on, and the overrides."""
        recipe = recipe_settings(self.recipe)
        data = recipe["data"].get("init_args", {})
        kept = {"model": recipe["model"], "transform": data.get("transform")}
        kept |= {"textures": data["textures"]} if "textures" in data else {}
        kept["max_epochs"] = recipe["trainer"]["max_epochs"]
        return {"recipe": kept, "overrides": list(self.overrides)}

    @property
    def hash(self) -> str:
        """Changes with the recipe and with the overrides."""
        return settings_hash("", self.written)

    @property
    def columns(self) -> dict[str, str]:
        """What a row of results says of its settings."""
        return dict(zip(COLUMNS, (self.recipe, shlex.join(self.overrides))))

    @classmethod
    def read(cls, line: Mapping[str, str]) -> "Settings":
        """The settings that a row of results names."""
        return cls(line["recipe"], tuple(shlex.split(line["overrides"])))

    @property
    def words(self) -> str:
        """The recipe with overrides."""
        return f"`{self.recipe}`" + (f" with `{shlex.join(self.overrides)}`" if self.overrides else "")

    @property
    def source(self) -> str:
        """The recipe with overrides, and where its settings are from."""
        name = RecipeName.parse(self.recipe)
        said = "" if name is None else recipe_card(name).get("recipe", "")
        return self.words + (f", {said}" if said else "")


def settings_hash(row: str, settings: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that change with the row, its settings or the protocol."""
    text = json.dumps([PROTOCOL, row, settings], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def override(field: str, value: Any) -> str:
    """An argument as those of ``gnnclr fit``."""
    return f"--{field}={value if isinstance(value, str) else json.dumps(value, separators=(',', ':'))}"


def part(class_path: str, **init_args: Any) -> dict[str, Any]:
    """A part of a recipe."""
    return {"class_path": class_path} | ({"init_args": init_args} if init_args else {})


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
