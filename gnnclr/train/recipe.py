"""Recipes: the tree of settings of a run, by name or from a file, with every field open to overrides."""

import re
from argparse import ArgumentError
from collections.abc import Sequence
from functools import reduce

import yaml
from jsonargparse import ActionConfigFile, ArgumentParser, Namespace
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from gnnclr.configs import RecipeError, RecipeName, merge, recipe_settings
from gnnclr.train.channels import open_channels
from gnnclr.train.contrastive_data import ContrastiveData
from gnnclr.train.module import ContrastiveModule
from gnnclr.train.recipe_errors import explain

PRINT = "--print_config"
SEED = "the seed of the data is the seed of the run; did you mean '--seed_everything'?"


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
            # Another optimizer would get the arguments of the default one; parse_recipe gives it where none is named.
            "model.optimizer": None,
        }
    )
    return parser


def parse_recipe(config: str | Sequence[str], overrides: Sequence[str] = ()) -> Namespace:
    """Reads a recipe and applies overrides to it.

    Args:
        config (str or list): A name in :func:`gnnclr.configs.available_recipes`, or the path of a YAML file. Several
            are merged in order, later ones win.
        overrides (list, optional): Command line arguments, such as ``["--trainer.max_epochs=5"]``. (default: ``()``)

    Raises:
        RecipeError: If a field is unknown (the message names the nearest one) or a value does not fit.
    """
    for override in overrides:
        if re.match(r"--data\.(init_args\.)?seed\b", override):
            raise RecipeError(SEED)
        if re.match(r"--config\b", override):
            raise RecipeError(
                f"'config' must be a list where there are several recipes (got {override!r} as an override)"
            )
    configs = [config] if isinstance(config, str) else list(config)
    dataset = _value_of("--data.dataset", overrides)
    named = [RecipeName.on_data(name, dataset) for name in configs] if dataset else configs
    usual = {"model": {"optimizer": {"class_path": "torch.optim.AdamW"}}}
    settings = open_channels(reduce(merge, [recipe_settings(name) for name in named], usual))
    data = settings.get("data")
    if isinstance(data, dict) and "seed" in (data.get("init_args") or {}):
        raise RecipeError(f"{', '.join(configs)}: {SEED}")
    parser = recipe_parser()
    arguments = ["--config", yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)]
    try:
        # What is printed is not checked.
        parsed = parser.parse_args([*arguments, *(x for x in overrides if not x.startswith(PRINT))])
    except ArgumentError as error:
        parsed, failure = None, error
    prints = any(x.startswith(PRINT) for x in overrides)
    if prints and (parsed is not None or "required: dataset" in str(failure)):
        try:
            return parser.parse_args([*arguments, *overrides])
        except ArgumentError as error:
            parsed, failure = None, error
    if parsed is not None:
        if parsed.model.optimizer is None:
            raise RecipeError("'model.optimizer' must be an optimizer (got null)")
        return parsed
    if "required: dataset" in str(failure):
        raise RecipeError(
            f"'data.dataset' must be given (got none): {', '.join(configs)} is a method without data; give "
            f"--data.dataset=NAME, or a name with data (see `gnnclr list`)"
        )
    # Whose mistake it is, and what fields there are, is known after the file is read alone.
    data = settings.get("data")
    ours = isinstance(data, dict) and str(data.get("class_path")).startswith("gnnclr.")
    bare = ours and "dataset" not in (data.get("init_args") or {})
    try:
        recipe = parser.parse_args([*arguments, "--data.dataset=NAME"] if bare else arguments)
    except ArgumentError as error:
        raise RecipeError(f"{', '.join(configs)}: {explain(error, _options(parser))}") from None
    raise RecipeError(explain(failure, _options(parser, recipe), overrides))


def _value_of(option: str, overrides: Sequence[str]) -> str | None:
    """The value of an option, which is the last one that is given."""
    pairs = zip(overrides, [*overrides[1:], ""])
    found = [text[len(option) + 1 :] if "=" in text else after for text, after in pairs if text.split("=")[0] == option]
    return found[-1] if found else None


def _options(parser: ArgumentParser, recipe: Namespace | None = None) -> list[str]:
    names = set((recipe or parser.get_defaults()).keys(branches=True))
    names = {name.replace(".init_args", "") for name in names if not name.endswith(".class_path")}
    return sorted(f"--{name}" for name in names if not name.startswith("__"))
