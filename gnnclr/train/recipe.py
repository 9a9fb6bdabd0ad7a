"""Recipes: the tree of settings of a run, by name or from a file, with every field open to overrides."""

import re
from argparse import ArgumentError
from collections.abc import Sequence
from functools import cache, reduce
from typing import Any, Union

import yaml
from jsonargparse import ActionConfigFile, ArgumentParser, Namespace
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from gnnclr.configs import RecipeError, RecipeName, merge, recipe_card, recipe_settings
from gnnclr.train.channels import open_channels
from gnnclr.train.contrastive_data import ContrastiveData
from gnnclr.train.module import ContrastiveModule
from gnnclr.train.online_probe import OnlineProbe
from gnnclr.train.processes.step_size import other_step_size
from gnnclr.train.recipe_errors import explain
from gnnclr.train.validation.asked import validation_overrides

PRINT = "--print_config"
#: Fields of the trainer that are a number of batches, or a share of them: 1 is one batch, and 1.0 are all. Lightning's
#: own types are in an order that depends on what else was imported.
OF_BATCHES = {
    "limit_train_batches": "How much of the training dataset to use: a number of batches, or a share as 0.5.",
    "limit_val_batches": "How much of the held-out samples to use for val_loss; 0 computes none, and holds none out.",
    "overfit_batches": "Train and validate on this number of batches, or this share, alone.",
}
SEED = "the seed of the data is the seed of the run; did you mean '--seed_everything'?"


@cache
def recipe_parser() -> ArgumentParser:
    """The parser of recipes: ``seed_everything``, ``model``, ``data``, ``trainer``, ``watch``, ``checkpoint`` and
    ``tensorboard``. It is made once."""
    parser = ArgumentParser(prog="gnnclr fit", exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--config", action=ActionConfigFile, help="Name of a recipe, or path of a YAML file.")
    parser.add_argument("--seed_everything", type=int, default=0, help="Seed of all randomness of the run.")
    parser.add_argument("--tensorboard", type=bool, default=False, help="Write TensorBoard files as well.")
    parser.add_class_arguments(ContrastiveModule, "model")
    parser.add_subclass_arguments(ContrastiveData, "data", required=True)
    skip = {"plugins", "default_root_dir", "enable_checkpointing", "enable_progress_bar", "barebones"}
    parser.add_class_arguments(Trainer, "trainer", instantiate=False, skip=skip | OF_BATCHES.keys())
    for name, text in OF_BATCHES.items():
        parser.add_argument(f"--trainer.{name}", type=Union[int, float, None], default=None, help=text)  # noqa: UP007
    parser.add_class_arguments(OnlineProbe, "watch")
    parser.add_class_arguments(ModelCheckpoint, "checkpoint", instantiate=False, skip={"dirpath"})
    parser.link_arguments("seed_everything", "data.init_args.seed")
    parser.set_defaults(
        {
            "trainer.log_every_n_steps": 10,
            "trainer.enable_model_summary": False,
            "trainer.use_distributed_sampler": False,
            "trainer.limit_val_batches": 0,
            "trainer.overfit_batches": 0,
            "trainer.num_sanity_val_steps": 0,
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
    dataset = _dataset(_merged(configs), overrides)
    settings = open_channels(_merged(configs, dataset))
    if "seed" in _arguments_of_data(settings):
        raise RecipeError(f"{', '.join(configs)}: {SEED}")
    overrides = [
        *overrides,
        *other_step_size(_arguments_of_data(settings), overrides),
        *validation_overrides(settings.get("trainer") or {}, overrides),
    ]
    parser = recipe_parser()
    arguments = ["--config", yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)]
    try:
        # What is printed is not checked.
        parsed = parser.parse_args([*arguments, *(x for x in overrides if not x.startswith(PRINT))])
    except ArgumentError as error:
        parsed, failure = None, error
    prints = any(x.startswith(PRINT) for x in overrides)
    if prints and (parsed is not None or "required: dataset" in str(failure)):
        print(*_headings(configs, dataset), sep="", end="", flush=True)
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
    bare = ours and "dataset" not in _arguments_of_data(settings)
    try:
        recipe = parser.parse_args([*arguments, "--data.dataset=NAME"] if bare else arguments)
    except ArgumentError as error:
        raise RecipeError(f"{', '.join(configs)}: {explain(error, _options(parser))}") from None
    raise RecipeError(explain(failure, _options(parser, recipe), overrides))


def _merged(configs: Sequence[str], dataset: str | None = None) -> dict[str, Any]:
    """The settings of all recipes, later ones over earlier ones; methods without data have those of the data set."""
    usual = {"model": {"optimizer": {"class_path": "torch.optim.AdamW"}}}
    return reduce(merge, [recipe_settings(name, dataset) for name in configs], usual)


def _arguments_of_data(settings: dict[str, Any]) -> dict[str, Any]:
    data = settings.get("data")
    arguments = data.get("init_args") if isinstance(data, dict) else None
    return arguments if isinstance(arguments, dict) else {}


def _dataset(settings: dict[str, Any], overrides: Sequence[str]) -> str | None:
    """The name of the data set: of the overrides the last one, otherwise that of the settings."""
    named = _arguments_of_data(settings).get("dataset")
    for word, following in zip(overrides, [*overrides[1:], None]):
        option, equals, value = word.partition("=")
        if option in ("--data.dataset", "--data.init_args.dataset"):
            named = value if equals else following
    return named if isinstance(named, str) else None


def _headings(configs: Sequence[str], dataset: str | None) -> list[str]:
    """What each recipe is, with its data and size, as comments of YAML."""
    headings = []
    for recipe in filter(None, (RecipeName.parse(config, dataset) for config in configs)):
        card = recipe_card(recipe)
        if recipe.data is None and dataset is not None:
            headings.append(f"# {recipe} on {dataset}: {card['method']}, with no settings for these data.\n")
        else:
            headings.append(f"# {recipe}: {card['summary']} Settings: {card.get('recipe', 'declared')}.\n")
    return headings


def _options(parser: ArgumentParser, recipe: Namespace | None = None) -> list[str]:
    names = set((recipe or parser.get_defaults()).keys(branches=True))
    names = {name.replace(".init_args", "") for name in names if not name.endswith(".class_path")}
    return sorted(f"--{name}" for name in names if not name.startswith("__"))
