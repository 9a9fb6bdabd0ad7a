"""Errors about the settings of a run say which field of the recipe they are about."""

import re
import traceback
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

import torch
from jsonargparse import Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from torch import nn

from gnnclr.configs import RecipeError
from gnnclr.ops.paths import expand_path
from gnnclr.train.recipe_errors import innermost

F = TypeVar("F", bound=Callable[..., Any])
#: The errors of libraries about a setting.
OF_A_LIBRARY = (MisconfigurationException, ValueError, TypeError, AssertionError, ImportError, ZeroDivisionError)
#: The errors of classes whose settings, or the shapes of their tensors, do not fit.
OF_A_PART = (ValueError, TypeError, AssertionError, RuntimeError, IndexError, ZeroDivisionError, AttributeError)
#: Where libraries are whose settings are fields of ``trainer`` and ``checkpoint``.
LIGHTNING = re.compile(r"[\\/](?:lightning|lightning_fabric|pytorch_lightning)[\\/]")


class Part(NamedTuple):
    """A class or a function that a recipe names, with its fields.

    Args:
        name (str): Its dotted name, without ``init_args``.
        class_path (str): Its import path; empty for ``trainer`` and the like.
        fields (dict): Its arguments.
    """

    name: str
    class_path: str
    fields: dict[str, Any]


def names_fields(method: F) -> F:
    """A method of an object with a ``recipe`` whose errors about settings are :class:`RecipeError`s in one line that
    names the dotted field. Other errors pass."""

    @wraps(method)
    def named(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            text = name_field(error, self.recipe)
            if text is None or text == str(error):
                raise
            raise (FileNotFoundError if isinstance(error, FileNotFoundError) else RecipeError)(text) from error

    return cast(F, named)


def name_field(error: Exception, recipe: Namespace) -> str | None:
    """The message of an error about a recipe, with the dotted name of the field; ``None`` for any other error.

    Args:
        error (Exception): The error raised where parts of the recipe were made or used.
        recipe (Namespace): The recipe.
    """
    inner = innermost(error)
    if isinstance(inner, RecipeError):
        return None if inner is error else str(inner)
    if isinstance(inner, OSError):
        # Of these, only our own come without a number.
        return _quoted(inner, recipe) if isinstance(inner, FileNotFoundError) and inner.errno is None else None
    frames = list(traceback.walk_tb(inner.__traceback__))
    last = frames[-1][0].f_code.co_filename if frames else ""
    if isinstance(inner, MisconfigurationException) or (isinstance(inner, OF_A_LIBRARY) and LIGHTNING.search(last)):
        return _of_trainer(inner, recipe)
    if isinstance(inner, ValueError) and re.match(r"'[\w.]+'", str(inner)):
        return _quoted(inner, recipe)
    used = _used(frames, recipe)
    if used is None or not isinstance(inner, OF_A_PART) or isinstance(inner, torch.OutOfMemoryError):
        return None
    if _is_making(frames, used) or "shape" in str(inner) or "size" in str(inner):
        return _of_part(inner, used)
    return None


def parts(recipe: Any, name: str = "") -> Iterator[Part]:
    """The parts of a recipe, from the outside in.

    Args:
        recipe (Namespace): The recipe, or a value in it.
        name (str, optional): Its dotted name. (default: ``""``)
    """
    if isinstance(recipe, (list, tuple)):
        for i, value in enumerate(recipe):
            yield from parts(value, f"{name}[{i}]")
    if not isinstance(recipe, (Namespace, dict)):
        return
    values = dict(recipe) if isinstance(recipe, dict) else dict(vars(recipe))
    path = values.get("class_path")
    fields = values.get("init_args") or {} if path is not None else values
    fields = dict(vars(fields)) if isinstance(fields, Namespace) else dict(fields)
    yield Part(name, path or "", fields)
    for key, value in fields.items():
        yield from parts(value, f"{name}.{key}".lstrip("."))


def _quoted(error: Exception, recipe: Namespace) -> str:
    """The message of one of our own checks, which begins with the argument in quotes, with the dotted name in its
    place: of the field of that name whose value the message shows. Where there is none, the part at work is named."""
    text = str(error)
    word = re.match(r"'(\w+)'", text)
    if word is None:
        return text
    fits = [
        f"{part.name}.{word[1]}".lstrip(".")
        for part in parts(recipe)
        if word[1] in part.fields and _shows(text, part.fields[word[1]])
    ]
    if 0 < len(fits) <= 3:
        return text.replace(word[0], " or ".join(f"'{name}'" for name in fits), 1)
    used = _used(list(traceback.walk_tb(error.__traceback__)), recipe)
    return text if used is None or used.name == word[1] else f"{text}, in '{used.name}'"


def _of_trainer(error: Exception, recipe: Namespace) -> str:
    """The message of Lightning, with the field of ``trainer`` or ``checkpoint`` whose name and value it shows."""
    text, best = " ".join(str(error).split()), (0, "", None)
    for part in ("trainer", "checkpoint"):
        for key, value in vars(recipe[part]).items():
            rank = 2 if re.search(rf"\b{key}\b", text) else 0
            if value is not None and not isinstance(value, bool):
                together = re.search(rf"\b{key}\W{{1,3}}{re.escape(str(value))}(?!\w)", text)
                rank += 2 if together else _shows(text, value)
            best = max(best, (rank, f"{part}.{key}", value), key=lambda found: found[0])
    rank, name, value = best
    if rank == 0:
        return f"'trainer' cannot have these settings: {_sentence(text)}"
    return f"'{name}' cannot be {value!r}: {_sentence(text)}"


def _of_part(error: Exception, part: Part) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[0] if lines else traceback.extract_tb(error.__traceback__)[-1].line or ""
    shown = [
        key for key, value in part.fields.items() if not isinstance(value, bool) and value and _shows(reason, value)
    ]
    name = f"{part.name}.{shown[0]}" if len(shown) == 1 else part.name
    kind = part.class_path.rpartition(".")[2]
    return f"'{name}' must fit {kind} (got {type(error).__name__}: {_sentence(reason)})"


def _used(frames: list[Any], recipe: Namespace) -> Part | None:
    """The part of the recipe that was at work when an error was raised: the innermost one."""
    named = [part for part in parts(recipe) if part.class_path]
    for frame, _ in reversed(frames):
        owner = frame.f_locals.get("self")
        names = {kind.__name__ for kind in type(owner).__mro__} if owner is not None else {frame.f_code.co_name}
        names -= {nn.Module.__name__, "object"}
        fits = [part for part in named if part.class_path.rpartition(".")[2] in names]
        if len(fits) == 1 or (fits and owner is not None):
            return fits[-1]
    return None


def _is_making(frames: list[Any], part: Part) -> bool:
    """Whether the part was being made, not used."""
    kind = part.class_path.rpartition(".")[2]
    return any(
        frame.f_code.co_name == "__init__"
        and kind in {base.__name__ for base in type(frame.f_locals.get("self")).__mro__}
        for frame, _ in frames
    )


def _shows(text: str, value: Any) -> bool:
    """Whether a message shows a value; lists and tuples look alike, and paths are shown in full."""
    values = {str(value), str(expand_path(value))} if isinstance(value, str) else {str(value)}
    return any(re.search(rf"(?<![\w.-]){re.escape(_plain(v))}(?!\w|\.\d)", _plain(text)) for v in values)


def _plain(text: str) -> str:
    return re.sub(r"[\[\]()'\"`\s]+", " ", text.replace("()", "nothing").replace("[]", "nothing")).strip().lower()


def _sentence(text: str) -> str:
    return text if len(text) <= 200 else text[:197] + "..."
