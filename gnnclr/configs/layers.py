"""The files that a recipe is made of."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import NoneType
from typing import Any

from gnnclr.configs.error import RecipeError

#: Recipes for images, graphs, multiplex graphs: folders with ``methods``, ``variants``, ``parts``, ``data``, ``size``.
KINDS = ("images", "graphs", "multiplex")
#: More fields than any recipe has.
MOST_VALUES = 100_000
#: As jsonargparse reads numbers: 1e-5 is one, which YAML 1.1 has as text.
NUMBER = re.compile(r"^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9_]+|[0-9][0-9_]*(?=[eE]))(?:[eE][-+]?[0-9]+)?$")


@cache
def names(kind: str, folder: str) -> tuple[str, ...]:
    """The names of the files of a folder, sorted."""
    path = files("gnnclr.configs") / kind / folder
    return tuple(sorted(x.name.removesuffix(".yaml") for x in path.iterdir())) if path.is_dir() else ()


@cache
def layer(kind: str, folder: str, name: str) -> Mapping[str, Any]:
    """The contents of a file of the package."""
    return load(files("gnnclr.configs") / kind / folder / f"{name}.yaml")


@cache
def part(kind: str, name: str) -> Mapping[str, Any]:
    """A method, a variant, or a part that several of them share."""
    folder = next(folder for folder in ("methods", "variants", "parts") if name in names(kind, folder))
    return layer(kind, folder, name)


@cache
def lineage(kind: str, name: str) -> tuple[str, ...]:
    """A part and all that it is based on, each once, bases first."""
    return tuple(dict.fromkeys([x for base in bases(part(kind, name)) for x in lineage(kind, base)] + [name]))


def bases(settings: Mapping[str, Any], origin: str = "recipe") -> list[str]:
    """The value of ``base`` as a list."""
    base = settings.get("base", [])
    base = [base] if isinstance(base, str) else base
    if not isinstance(base, list) or not all(isinstance(name, str) for name in base):
        raise RecipeError(f"{origin}: 'base' must be a recipe or a list of recipes (got {base!r})")
    return base


def load(path: Path, wanted: str = "the settings of a recipe") -> dict[str, Any]:
    """The settings of a YAML file.

    Args:
        path (Path): The file.
        wanted (str, optional): What it must hold, for messages. (default: ``"the settings of a recipe"``)

    Raises:
        RecipeError: If it is not YAML, or holds anything but settings.
    """
    import yaml  # `gnnclr list losses` and `gnnclr --help` need none

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        pass

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", NUMBER, list("-+0123456789."))
    try:
        settings = yaml.load(path.read_text(encoding="utf-8"), Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).replace(f'"{path}"', "it").replace('"<unicode string>"', "it").split())
        raise RecipeError(f"'{path}' must hold {wanted} as YAML (got text that is none: {reason})") from None
    if not isinstance(settings, dict):
        fields = ", 'model', 'data' and so on" if wanted == "the settings of a recipe" else ""
        came = "nothing" if settings is None else f"{settings!r:.60}"
        raise RecipeError(f"'{path}' must hold {wanted} as YAML{fields} (got {came})")
    _check(settings, str(path))
    return settings


def _check(settings: dict[str, Any], origin: str) -> None:
    """Refuses YAML that is no settings: keys that are no names, classes without a path, and aliases in a circle, or
    so many that they hold more than a recipe can."""
    todo: list[tuple[Any, str]] = [(settings, "")]
    seen = 0
    while todo:
        value, field = todo.pop()
        seen += 1
        if seen > MOST_VALUES:
            top = re.split(r"[.\[]", field)[0]
            raise RecipeError(f"{origin}: '{top}' must not hold itself, or thousands of others, by aliases")
        if isinstance(value, list):
            todo += [(one, f"{field}[{i}]") for i, one in enumerate(value)]
        elif isinstance(value, dict):
            todo += [(one, _checked(origin, field, key, one)) for key, one in value.items()]


def _checked(origin: str, field: str, key: Any, value: Any) -> str:
    """The dotted name of a field, if it may have that value."""
    name = f"{field}.{key}".lstrip(".")
    if not isinstance(key, str):
        raise RecipeError(f"{origin}: fields must have names (got '{name}')")
    if key == "class_path" and not isinstance(value, str):
        raise RecipeError(f"{origin}: '{name}' must be the import path of a class (got {value!r:.60})")
    if (key == "init_args" or name in ("model", "trainer", "checkpoint")) and not isinstance(value, dict | NoneType):
        raise RecipeError(f"{origin}: '{name}' must be fields and their values (got {value!r:.60})")
    return name
