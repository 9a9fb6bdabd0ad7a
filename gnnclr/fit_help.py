"""The output of ``gnnclr fit --help``: a screen, or what one field of a recipe means."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gnnclr.listing import WIDTH, without_markup

if TYPE_CHECKING:
    from argparse import Action

    from jsonargparse import Namespace

SCREEN = """\
usage: gnnclr fit --config NAME [--FIELD=VALUE ...]        train a recipe
       gnnclr fit --ckpt_path FILE [--FIELD=VALUE ...]     go on with a run that was stopped

  --config NAME      a recipe (`gnnclr list` shows the names) or a YAML file; of several, later ones win
  --out FOLDER       folder of the run (default: runs/NAME/1, 2, ...)
  --ckpt_path FILE   a checkpoint of a run, FOLDER/checkpoints/last.ckpt
  --print_config     print all settings and do nothing else
  --help FIELD       what a field means, or the fields below it, such as `--config NAME --help model.method`
  --help-all         all fields of the program that every recipe has

Every setting of a recipe is a field. Those that are changed most:
  --data.dataset=NAME               cora, cifar10, digits, ..., a folder of images or the file of a graph
  --data.root=PATH                  where the data lie
  --data.batch_size=N               samples of a step; of each process, if there are several
  --data.global_batch_size=N        in its place: samples of a step of all processes (images)
  --model.method.loss.temperature=T
  --model.method.chunk_size=N       rows that the encoder sees at once: batches beyond its memory
  --model.optimizer.lr=LR
  --trainer.max_epochs=N            or --trainer.max_steps=N, --trainer.max_time=DD:HH:MM:SS
  --trainer.accelerator=gpu         or cpu, auto
  --trainer.devices=N               processes on this machine
  --trainer.precision=bf16-mixed    or 16-mixed, 32-true
  --watch.every_n_epochs=N          probes on validation examples while training (default: 0, never)
  --trainer.check_val_every_n_epoch=N   loss on held-out images, val_loss (default: never)
  --seed_everything=N               the seed of all randomness (default: 0)
  --tensorboard=true                write TensorBoard files as well
  --trainer.logger=CLASS            another logger of Lightning, beside metrics.csv

examples:
  gnnclr fit --config simclr-digits --trainer.max_epochs=20
  gnnclr fit --config grace --data.dataset=my_graph.pt --model.optimizer.lr=0.001
  gnnclr fit --ckpt_path runs/simclr-digits/1/checkpoints/last.ckpt"""


def field_help(field: str, config: Sequence[str] | None = None, overrides: Sequence[str] = ()) -> str:
    """Says what a field of a recipe means, or all fields of the part that it names, with their values.

    Args:
        field (str): A dotted name, such as ``"trainer.precision"`` or ``"model.method.loss"``.
        config (list, optional): The recipes, as for :func:`gnnclr.train.parse_recipe`. Fields of a method or a loss
            depend on which it is, and so on them. (default: ``None``, what all recipes have)
        overrides (list, optional): Overrides of the command line. (default: ``()``)

    Raises:
        ValueError: If there is no such field; the message names the nearest one.
    """
    from gnnclr.train import recipe_parser
    from gnnclr.train.recipe_errors import did_you_mean

    field = field.lstrip("-").split("=")[0].replace(".init_args", "")
    parser = recipe_parser()
    known: dict[str, Action] = {action.dest.replace(".init_args", ""): action for action in _fields(parser._actions)}
    recipe = _recipe(config, overrides) if config else parser.get_defaults()
    known |= _of_parts(recipe)
    known.pop("data.seed", None)  # that of the run is the one to give
    if field in known and not any(name.startswith(f"{field}.") for name in known):
        return _entry(field, known[field], recipe)
    below = [name for name in known if name.rpartition(".")[0] == field]
    if not below:
        hint = "" if config else "; fields of a method or of data depend on the recipe: give --config NAME as well"
        raise ValueError(f"there is no field {field!r}{did_you_mean(field, known)}{hint}")
    heading = _heading(field, recipe)
    return "\n".join([*heading, *(_entry(name, known[name], recipe) for name in below)])


def _recipe(config: Sequence[str], overrides: Sequence[str]) -> "Namespace":
    """A recipe, whose data nobody needs to have named."""
    from gnnclr.train import RecipeError, parse_recipe

    try:
        return parse_recipe(config, overrides)
    except RecipeError as error:
        if not str(error).startswith("'data.dataset' must be given"):
            raise
        return parse_recipe(config, [*overrides, "--data.dataset=NAME"])


def _fields(actions: Iterable["Action"]) -> Iterator["Action"]:
    """The actions of a parser that are fields: not those that show help or read a file of a part."""
    for action in actions:
        if action.dest not in ("help", "config", "print_config") and not action.dest.endswith(".help"):
            yield action


def _of_parts(recipe: "Namespace") -> dict[str, "Action"]:
    """The arguments of the classes and functions that a recipe names, by their dotted names."""
    from pkgutil import resolve_name

    from jsonargparse import ArgumentParser

    from gnnclr.train.named_fields import parts

    found: dict[str, Action] = {}
    for part in parts(recipe):
        if part.class_path and part.name:
            parser, made_by = ArgumentParser(), resolve_name(part.class_path)
            add = parser.add_class_arguments if isinstance(made_by, type) else parser.add_function_arguments
            add(made_by, fail_untyped=False)
            # Arguments that others give are no fields, such as an optimizer's parameters.
            fields = [action for action in _fields(parser._actions) if action.dest in part.fields]
            found |= {f"{part.name}.{action.dest}": action for action in fields}
    return found


def _heading(field: str, recipe: "Namespace") -> list[str]:
    from gnnclr.train.named_fields import parts

    for part in parts(recipe):
        if part.name == field and part.class_path:
            return [f"{field} is a {part.class_path}\n"]
    return []


def _entry(name: str, action: "Action", recipe: "Namespace") -> str:
    """A field, its value in the recipe, and what it means."""
    value = _value(name, action, recipe)
    text = without_markup(action.help or "") or "(no description)"
    indent = " " * 6
    shown = textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False)
    return f"  --{name}{value}\n{shown}"


def _value(name: str, action: "Action", recipe: "Namespace") -> str:
    from gnnclr.train.named_fields import parts

    above, _, last = name.rpartition(".")
    for part in parts(recipe):
        if part.name == above and last in part.fields:
            return f"={_short(part.fields[last])}"
    return "" if action.default is None or isinstance(action.default, (dict, list)) else f"={_short(action.default)}"


def _short(value: Any) -> str:
    if hasattr(value, "class_path"):
        return str(value.class_path).rpartition(".")[2]
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
