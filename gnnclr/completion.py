"""Completion of commands in a shell, by argcomplete: options, names of recipes, fields of the recipe that is named."""

import argparse
import itertools
import os
import shlex
from collections.abc import Iterator
from typing import Any

from gnnclr.configs import RecipeError, available_recipes, recipe_settings


def complete(parser: argparse.ArgumentParser) -> None:
    """Writes what may come next, and ends the process: a shell asks for it by variables of the environment.

    Args:
        parser (ArgumentParser): The parser of the command.
    """
    import argcomplete

    line = _words(os.environ.get("COMP_LINE", ""))
    for command in _subparsers(parser).values():
        for action in command._actions:
            if action.dest in ("config", "configs"):
                action.completer = _recipes  # pyright: ignore[reportAttributeAccessIssue]  # as argcomplete reads it
        if any(action.dest == "config" for action in command._actions):
            for field in _fields(line):
                command.add_argument(f"--{field}")
    argcomplete.autocomplete(parser)


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quote that is still open
        return line.split()


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (commands,) = (a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return dict(commands)


def _recipes(prefix: str, **rest: Any) -> list[str]:
    """Names of recipes; of several ones behind each other the last is completed."""
    before, comma, _ = prefix.rpartition(",")
    return [f"{before}{comma}{name}" for name in available_recipes()]


def _fields(line: list[str]) -> list[str]:
    """The fields of the recipe that a line names, as they stand on a command line."""
    names = [word.split("=", 1)[1] for word in line if word.startswith("--config=")]
    names += [name for option, name in itertools.pairwise(line) if option == "--config"]
    try:
        return [field for name in names[-1:] for field in _dotted(recipe_settings(name))]
    except RecipeError:  # a name that is not whole yet
        return []


def _dotted(settings: dict[str, Any], before: str = "") -> Iterator[str]:
    for key, value in settings.items():
        field = before if key == "init_args" else f"{before}.{key}".lstrip(".")
        if isinstance(value, dict):
            yield from _dotted(value, field)
        elif key != "class_path" and not field.startswith("card"):
            yield field
