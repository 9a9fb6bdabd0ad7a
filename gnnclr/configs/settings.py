"""The settings of a recipe."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gnnclr.configs.error import RecipeError
from gnnclr.configs.layers import KINDS, bases, layer, lineage, load, names, part
from gnnclr.configs.merge import merge
from gnnclr.configs.recipe_name import RecipeName, possible_names


def recipe_settings(recipe: str | Path, data: str | None = None) -> dict[str, Any]:
    """The settings of a recipe, with all that it is based on.

    A recipe of the package is merged of layers, later ones win: what all recipes of its kind begin with, its size, its
    data, and then each part that it is based on, bases first, with what the part says of this size and these data
    (``when``). A file is merged over the recipes that its ``base`` names, in order.

    Args:
        recipe (str or Path): A name such as ``"grace-cora"``, a layer alone such as ``"cora"``, or a YAML file.
        data (str, optional): The data of methods without data in their name, here or in a ``base``: with ``"cora"``,
            ``grace`` is ``grace-cora``. Names of no layer, such as a file of one's own, choose nothing.
            (default: ``None``)

    Raises:
        RecipeError: If there is no such recipe, not in the size of these data, or a file leads back to itself.
    """
    return {key: value for key, value in _whole(recipe, data).items() if key != "space"}


def recipe_space(recipe: str | Path, data: str | None = None) -> dict[str, Any]:
    """What a search tries of a recipe where nobody says it: the key ``space`` of all that the recipe is based on.

    It has dotted fields with values or bounds, see :class:`gnnclr.train.search.Space`. Later layers replace single
    fields; ``null`` takes one out.

    Args:
        recipe (str or Path): As of :func:`recipe_settings`.
        data (str, optional): As of :func:`recipe_settings`. (default: ``None``)

    Raises:
        RecipeError: As of :func:`recipe_settings`.
    """
    return {field: values for field, values in _whole(recipe, data).get("space", {}).items() if values is not None}


def _whole(recipe: str | Path, data: str | None, _path: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The settings of a recipe and its space."""
    name = RecipeName.parse(str(recipe), data)
    if name is not None:
        return _settings(name)
    for kind in KINDS:
        for folder in ("data", "size"):
            if str(recipe) in names(kind, folder):
                return _plain(_over(_over({}, layer(kind, "", "base")), layer(kind, folder, str(recipe))))
    path = Path(os.path.expandvars(recipe)).expanduser()
    path = _path[-1].parent / path if _path else path
    if not path.is_file():
        if not _path and (path.is_dir() or path.suffix in (".yaml", ".yml") or len(path.parts) != 1):
            reason = "a folder" if path.is_dir() else "which does not exist"
            raise RecipeError(f"'config' must be the name of a recipe or a YAML file (got '{path}', {reason})")
        origin = f"{_path[-1]}: 'base' must name recipes or files: " if _path else ""
        close = difflib.get_close_matches(str(recipe).lower(), possible_names(), 1)
        hint = f"; did you mean {close[0]!r}?" if close else ";"
        kind = " (it is a folder)" if path.is_dir() else ""
        raise RecipeError(
            f"{origin}there is no recipe or file {str(recipe)!r}{kind}{hint} `gnnclr list` shows the names"
        )
    seen = (*_path, path)
    if path.resolve() in [file.resolve() for file in _path]:
        raise RecipeError(f"{_path[0]}: 'base' leads back to itself: {' -> '.join(map(str, seen))}")
    own = load(path)
    settings: dict[str, Any] = {}
    for base in bases(own, str(path)):
        settings = _over(settings, _whole(base, data, seen))
    return _over(settings, {key: value for key, value in own.items() if key not in ("base", "card")})


def _settings(name: RecipeName) -> dict[str, Any]:
    kind, chosen = name.kind, [(folder, x) for folder, x in (("size", name.size), ("data", name.data)) if x]
    layers = [layer(kind, "", "base"), *(layer(kind, folder, x) for folder, x in chosen)]
    for own in (part(kind, x) for x in lineage(kind, name.part)):
        layers += _with_cases(own, [x for _, x in chosen])
    settings: dict[str, Any] = {}
    for own in layers:
        settings = _over(settings, own)
    return _plain(settings)


def _with_cases(own: Mapping[str, Any], chosen: list[str]) -> list[Mapping[str, Any]]:
    """What a part says, and what it says of the size and the data that are chosen, or of both of them."""
    cases = own.get("when", {})
    return [own, *(one for x in chosen if x in cases for one in _with_cases(cases[x], chosen))]


def _over(settings: dict[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Settings merged over others. Fields of a space are replaced as a whole: bounds of two layers have no meaning."""
    space = own.get("space", {})
    if not isinstance(space, Mapping):
        raise RecipeError(f"'space' must be dotted fields and what is tried of them (got {space!r:.60})")
    merged = merge(settings, {key: value for key, value in own.items() if key != "space"})
    space = {**settings.get("space", {}), **space}
    return merged | {"space": space} if space else merged


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings without the keys about the recipe itself."""
    return {key: value for key, value in settings.items() if key not in ("base", "card", "when", "size")}
