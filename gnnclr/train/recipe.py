"""Recipes: the tree of settings of a run, by name or from a file, with every field open to overrides."""

import re
from argparse import ArgumentError
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from jsonargparse import ActionConfigFile, ArgumentParser, Namespace
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from gnnclr.ops.paths import expand_path
from gnnclr.train.contrastive_data import ContrastiveData
from gnnclr.train.module import ContrastiveModule
from gnnclr.train.recipe_errors import check_recipe_file, explain, nearest


class RecipeError(ValueError):
    """A recipe that cannot be read; the message says which field, and what was meant perhaps."""


def available_recipes() -> list[str]:
    """The names of the recipes that come with the package."""
    folder = files("gnnclr.configs")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def recipe_path(name: str) -> Path:
    """The file of a recipe.

    Args:
        name (str): A name in :func:`available_recipes`, or the path of a YAML file.

    Raises:
        RecipeError: If there is neither; the message lists the names.
    """
    names = available_recipes()
    if name in names:
        return Path(str(files("gnnclr.configs").joinpath(f"{name}.yaml")))
    path = expand_path(name)
    if path.is_file():
        return path
    if path.is_dir() or path.suffix in (".yaml", ".yml") or len(path.parts) != 1:
        reason = "which is a folder" if path.is_dir() else "which does not exist"
        raise RecipeError(f"'config' must be the name of a recipe or a YAML file (got {name!r}, {reason})")
    raise RecipeError(f"there is no recipe or file {name!r}{nearest(name, names)}\nRecipes: {', '.join(names)}")


def recipe_parser() -> ArgumentParser:
    """The parser of recipes: ``seed_everything``, ``model``, ``data``, ``trainer``, ``checkpoint``, ``tensorboard``."""
    parser = ArgumentParser(prog="gnnclr fit", exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--config", action=ActionConfigFile, help="Name of a recipe, or path of a YAML file.")
    parser.add_argument("--seed_everything", type=int, default=0, help="Seed of all randomness of the run.")
    parser.add_argument("--tensorboard", type=bool, default=False, help="Write TensorBoard files as well.")
    parser.add_class_arguments(ContrastiveModule, "model")
    parser.add_subclass_arguments(ContrastiveData, "data", required=True)
    skip = {"logger", "plugins", "default_root_dir", "enable_checkpointing", "enable_progress_bar", "barebones"}
    parser.add_class_arguments(Trainer, "trainer", instantiate=False, skip=skip)
    parser.add_class_arguments(ModelCheckpoint, "checkpoint", instantiate=False, skip={"dirpath"})
    parser.link_arguments("seed_everything", "data.init_args.seed")
    parser.set_defaults(
        {
            "trainer.log_every_n_steps": 10,
            "trainer.enable_model_summary": False,
            "trainer.use_distributed_sampler": False,
            "checkpoint.filename": "last",
            "checkpoint.enable_version_counter": False,
        }
    )
    return parser


def parse_recipe(config: str, overrides: Sequence[str] = ()) -> Namespace:
    """Reads a recipe and applies overrides to it.

    Args:
        config (str): A name in :func:`available_recipes`, or the path of a YAML file.
        overrides (list, optional): Command line arguments, such as ``["--trainer.max_epochs=5"]``. (default: ``()``)

    Raises:
        RecipeError: If a field is unknown (the message names the nearest one) or a value does not fit.
    """
    for override in overrides:
        if re.match(r"--data\.(init_args\.)?seed\b", override):
            raise RecipeError("the seed of the data is the seed of the run; did you mean '--seed_everything'?")
    parser = recipe_parser()
    path = recipe_path(config)
    try:
        check_recipe_file(path)
    except ValueError as error:
        raise RecipeError(str(error)) from error
    arguments = ["--config", str(path)]
    try:
        return parser.parse_args([*arguments, *overrides])
    except ArgumentError as error:
        failure = error
    # Whose mistake it is, and what fields there are, is known after the file is read alone.
    try:
        recipe = parser.parse_args(arguments)
    except ArgumentError as error:
        raise RecipeError(f"{config}: {explain(error, _options(parser))}") from None
    raise RecipeError(explain(failure, _options(parser, recipe), overrides))


def _options(parser: ArgumentParser, recipe: Namespace | None = None) -> list[str]:
    names = set((recipe or parser.get_defaults()).keys(branches=True))
    names = {name.replace(".init_args", "") for name in names if not name.endswith(".class_path")}
    return sorted(f"--{name}" for name in names if not name.startswith("__"))
