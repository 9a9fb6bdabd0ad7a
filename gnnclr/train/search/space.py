"""The settings that a search tries."""

import copy
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gnnclr.configs import RecipeError
from gnnclr.train.recipe_errors import did_you_mean

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

#: Fields that say what is measured, and on which data: trials of other ones cannot be compared.
FIXED = ("seed_everything", "data.seed", "data.dataset", "data.root", "data.split", "data.size", "data.probed")
WANTED = "a list of values, or {low: A, high: B}, with 'log: true' for factors and 'relative: true' for factors of the "
WANTED += "recipe's value"


@dataclass(frozen=True)
class Bounds:
    """Numbers between two bounds, whole ones where both bounds are.

    Args:
        low (int or float): The least.
        high (int or float): The largest.
        log (bool): Whether equal factors are equally likely, and not equal differences.
    """

    low: float
    high: float
    log: bool = False

    def __contains__(self, value: Any) -> bool:
        return _is_number(value) and self.low <= value <= self.high

    def distribution(self) -> "BaseDistribution":
        """What Optuna draws from."""
        from optuna.distributions import FloatDistribution, IntDistribution

        kind = IntDistribution if isinstance(self.low, int) and isinstance(self.high, int) else FloatDistribution
        return kind(self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Values:
    """Listed values, of any kind that YAML has.

    Args:
        values (tuple): The values.
    """

    values: tuple[Any, ...]

    def __contains__(self, value: Any) -> bool:
        return any(_same(value, other) for other in self.values)

    def distribution(self) -> "BaseDistribution":
        """What Optuna draws from: lists and mappings are texts there, as it takes no others."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution([_stored(value) for value in self.values])


class Space:
    """Fields of a recipe, and what a search tries of each.

    ====================================================  ===================================================
    ``model.method.encoder.hops: [2, 4, 10]``             these values
    ``model.method.feature_p: {low: 0.0, high: 0.7}``     numbers between two; whole ones if both bounds are
    ``..., log: true``                                    factors are equally likely, not differences
    ``..., relative: true``                               bounds are factors of the value that the recipe has
    ====================================================  ===================================================

    Names are those of overrides; a part of a list is ``model.method.views[0].edge_p``.

    Args:
        declared (mapping): Fields and what is tried of each, as YAML gives them.
        settings (dict): All settings of the recipe.
        origin (str, optional): Where the space is declared, for messages. (default: ``"space"``)
        usual (bool, optional): Whether it is one for many recipes: fields that this one lacks are left out then, and
            what is tried is widened to hold the value that it has. (default: ``False``)

    Raises:
        RecipeError: If a field is unknown (the message names the nearest one), or there is nothing to try of it.
    """

    def __init__(
        self, declared: Mapping[str, Any], settings: dict[str, Any], origin: str = "space", usual: bool = False
    ) -> None:
        self.settings = settings
        self.fields: dict[str, Bounds | Values] = {}
        known = list(_names(settings)) if not usual else []
        for field, tried in declared.items():
            path = _path(settings, field)
            own = None if path is None else _at(settings, path)
            if usual and own is None:
                continue
            if path is None:
                raise RecipeError(f"{origin}: unknown field {field!r}{did_you_mean(field, known)}")
            if field in FIXED:
                raise RecipeError(f"{origin}: {field!r} must be the same in all trials (got it as a field to try)")
            self.fields[field] = _read(f"{origin}: '{field}'", tried, own)
            if usual:
                self.fields[field] = _widened(self.fields[field], own)
        if not self.fields:
            raise RecipeError(f"{origin} must hold a field to try (got none); give others with --space FILE")

    @property
    def size(self) -> float:
        """How many settings there are; infinite if a field has bounds."""
        counts = [len(tried.values) if isinstance(tried, Values) else math.inf for tried in self.fields.values()]
        return math.prod(counts)

    def distributions(self) -> dict[str, "BaseDistribution"]:
        """What Optuna draws each field from."""
        return {field: tried.distribution() for field, tried in self.fields.items()}

    def grid(self) -> Iterator[dict[str, Any]]:
        """All settings of a space of values, as Optuna stores them."""
        values = [
            [_stored(x) for x in tried.values] if isinstance(tried, Values) else [] for tried in self.fields.values()
        ]
        return (dict(zip(self.fields, chosen)) for chosen in itertools.product(*values))

    def own(self) -> dict[str, Any]:
        """The values that the recipe has, of fields where they are among those that are tried."""
        found = {field: _at(self.settings, _path(self.settings, field) or ()) for field in self.fields}
        return {field: _stored(value) for field, value in found.items() if value in self.fields[field]}

    def corners(self) -> Iterator[dict[str, Any]]:
        """A few settings which together have each listed value and each bound."""
        lists = [
            list(tried.values) if isinstance(tried, Values) else [tried.low, tried.high]
            for tried in self.fields.values()
        ]
        for i in range(max(map(len, lists))):
            yield {field: _stored(values[i % len(values)]) for field, values in zip(self.fields, lists)}

    def overrides(self, chosen: Mapping[str, Any]) -> list[str]:
        """Chosen values as arguments of the command line.

        Args:
            chosen (mapping): Fields and values, as Optuna stores them.
        """
        words, lists = {}, {}
        for field, stored in chosen.items():
            value = self.value(field, stored)
            path = _path(self.settings, field) or ()
            index = next((i for i, key in enumerate(path) if isinstance(key, int)), None)
            if index is None:
                words[field] = value
                continue
            name = field.partition("[")[0]  # a list is given as a whole
            if name not in lists:
                lists[name] = copy.deepcopy(_at(self.settings, path[:index]))
            _at(lists[name], path[index:-1])[path[-1]] = value
        words |= lists
        return [f"--{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in words.items()]

    def value(self, field: str, stored: Any) -> Any:
        """The value of a field that Optuna stores as ``stored``."""
        tried = self.fields[field]
        if isinstance(tried, Bounds):
            return stored
        return next(value for value in tried.values if _same(_stored(value), stored))

    def __repr__(self) -> str:
        return f"Space({', '.join(self.fields)})"


def _read(name: str, tried: Any, own: Any) -> Bounds | Values:
    if isinstance(tried, list) and tried:
        return Values(tuple(tried))
    if not isinstance(tried, Mapping):
        raise RecipeError(f"{name} must be {WANTED} (got {tried!r:.80})")
    options = ("low", "high", "log", "relative")
    if unknown := [key for key in tried if key not in options]:
        raise RecipeError(f"{name} must be {WANTED} (got {unknown[0]!r}{did_you_mean(unknown[0], options)})")
    low, high = tried.get("low"), tried.get("high")
    if not (_is_number(low) and _is_number(high) and low < high):
        raise RecipeError(f"{name} must have numbers 'low' below 'high' (got {low} and {high})")
    flags = [tried.get(key, False) for key in ("log", "relative")]
    for key, flag in zip(("log", "relative"), flags):
        if not isinstance(flag, bool):
            raise RecipeError(f"{name} must have true or false as '{key}' (got {flag!r})")
    if flags[1]:
        if not (_is_number(own) and own > 0):
            raise RecipeError(f"{name} must have a positive value in the recipe to be 'relative' (got {own!r:.80})")
        low, high = low * own, high * own
    if flags[0] and low <= 0:
        raise RecipeError(f"{name} must have a positive 'low' where 'log' is set (got {low})")
    return Bounds(low, high, flags[0])


def _widened(tried: Bounds | Values, own: Any) -> Bounds | Values:
    if own in tried:
        return tried
    if isinstance(tried, Values):
        return Values((*tried.values, own))
    if not _is_number(own) or (tried.log and own <= 0):
        return tried
    return Bounds(min(tried.low, own), max(tried.high, own), tried.log)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _same(one: Any, other: Any) -> bool:
    """Equality in which true is not one."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _stored(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else json.dumps(value)


def _path(settings: Any, field: str) -> tuple[Any, ...] | None:
    """The keys that lead to a field, ``init_args`` among them; ``None`` if there is no such field."""
    path: list[Any] = []
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", field):
        here = _at(settings, path)
        if isinstance(here, Mapping) and name not in here and isinstance(here.get("init_args"), Mapping):
            path.append("init_args")
            here = here["init_args"]
        key = name or int(index)
        if not (key < len(here) if isinstance(here, list) and not name else isinstance(here, Mapping) and key in here):
            return None
        path.append(key)
    return tuple(path)


def _at(settings: Any, path: Any) -> Any:
    for key in path:
        settings = settings[key]
    return settings


def _names(settings: Any, name: str = "") -> Iterator[str]:
    """The dotted names of all fields."""
    if name:
        yield name
    if isinstance(settings, list):
        for i, value in enumerate(settings):
            yield from _names(value, f"{name}[{i}]")
    for key, value in settings.items() if isinstance(settings, Mapping) else ():
        inner = name if key == "init_args" else f"{name}.{key}".lstrip(".")
        if key != "class_path":
            yield from _names(value, inner)
