"""Numbers of channels and classes, and the colors of images, which a recipe leaves to the data."""

import copy
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jsonargparse import ArgumentParser, Namespace

from gnnclr.train.contrastive_data import ContrastiveData
from gnnclr.train.image_data import known_colors
from gnnclr.train.module import ContrastiveModule

#: Stands for what is read from the data: for a number as in PyG, for a color nothing.
FROM_DATA = {"channels": -1, "classes": -1, "mean": None, "std": None}
COLORS = {"mean": "mean", "std": "std"}
#: What is read, by the part of a method and the argument.
NUMBERS = {
    "method": {"in_channels": "channels", "num_communities": "classes"},
    "encoder": {"in_channels": "channels"},
    "decoder": {"out_channels": "channels"},
    "views": COLORS,
    "normalize": COLORS,
    "modalities": {},
}


class Numbers(NamedTuple):
    """What a recipe may leave to its data.

    Args:
        channels (int): Channels of the input.
        classes (int, optional): The number of classes, where it is known.
        mean (list[float], optional): The mean of each channel of images in [0, 1], where it is known.
        std (list[float], optional): The deviation of each channel.
    """

    channels: int
    classes: int | None = None
    mean: list[float] | None = None
    std: list[float] | None = None


def open_channels(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings in which the numbers of channels and the colors of images that are not given are left to the data.

    Args:
        settings (dict): Settings as YAML gives them; they stay as they are.
    """
    settings = copy.deepcopy(settings)
    model = settings.get("model")
    for part, role in _parts(model.get("method") if isinstance(model, dict) else None):
        for name, what in NUMBERS[role].items():
            if what != "classes" and name in _arguments(part["class_path"]):
                part["init_args"] = {name: FROM_DATA[what]} | (part.get("init_args") or {})
    return settings


def read_from_data(recipe: Namespace) -> tuple[Namespace, ContrastiveData | None]:
    """The recipe with the numbers of its data, and the data, loaded; ``None`` where all numbers are given.

    Args:
        recipe (Namespace): The settings, see :func:`gnnclr.train.parse_recipe`; they stay as they are.

    Raises:
        ValueError: If classes are to be counted, and the data have no labels.
    """
    if not _open_numbers(recipe):
        return copy.deepcopy(recipe), None
    data = _load(recipe)
    wanted = {NUMBERS[role][name] for _, role, name in _open_numbers(recipe)}
    colors = (data.colors() if wanted & {"mean", "std"} else None) or (None, None)
    return with_numbers(recipe, Numbers(data.in_channels, data.num_classes, *colors)), data


def with_numbers(recipe: Namespace, numbers: Numbers) -> Namespace:
    """The recipe with numbers in the place of those that it leaves to the data.

    Args:
        recipe (Namespace): The settings, see :func:`gnnclr.train.parse_recipe`; they stay as they are.
        numbers (Numbers): The numbers.

    Raises:
        ValueError: If a number is wanted that is not known.
    """
    recipe = copy.deepcopy(recipe)
    for args, role, name in _open_numbers(recipe):
        value = getattr(numbers, NUMBERS[role][name])
        if value is None:
            where = f"'model.method.{name if role == 'method' else f'{role}.{name}'}'"
            why = (
                "have no labels to count the classes of" if name not in COLORS else "do not say which colors they have"
            )
            raise ValueError(f"{where} must be given: the data {why}")
        args[name] = value
    return recipe


def build_data(recipe: Namespace) -> ContrastiveData:
    """Makes the data of a recipe, which read nothing yet.

    Args:
        recipe (Namespace): The settings, see :func:`gnnclr.train.parse_recipe`.
    """
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(ContrastiveData, "data")
    return parser.instantiate(Namespace(data=recipe.data)).data


def build_module(
    recipe: Namespace,
    channels: int,
    classes: int | None = None,
    colors: tuple[list[float], list[float]] | None = None,
) -> ContrastiveModule:
    """Makes the method of a recipe with its optimizer, for data that are there already; the weights are drawn from the
    generator as it is.

    Args:
        recipe (Namespace): The settings, see :func:`gnnclr.train.parse_recipe`; they stay as they are.
        channels (int): Channels of the input, where the recipe leaves them to the data.
        classes (int, optional): The number of classes, where the recipe leaves it to the data. (default: ``None``)
        colors (tuple, optional): Mean and deviation of each channel of images in [0, 1], where the recipe leaves them
            to the data. (default: those that its data set is known to have)

    Raises:
        ValueError: If a number is wanted and not given.
    """
    colors = known_colors(recipe.data.init_args.get("dataset")) if colors is None else colors
    numbers = Numbers(channels, classes, *(colors or (None, None)))
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(ContrastiveModule, "model")
    return parser.instantiate(Namespace(model=with_numbers(recipe, numbers).model)).model


def _open_numbers(recipe: Namespace) -> list[tuple[dict[str, Any], str, str]]:
    """The arguments with a number that is left to the data, the role of their part, and the name of the number."""
    parts = [(_items(part.get("init_args") or {}), role) for part, role in _parts(recipe.model.method)]
    return [
        (args, role, name)
        for args, role in parts
        for name, what in NUMBERS[role].items()
        if name in args and args[name] == FROM_DATA[what]
    ]


def _parts(method: Any) -> Iterator[tuple[Any, str]]:
    """The parts of a method that depend on the data, with their role; settings are dicts or namespaces."""
    todo = [(method, "method")]
    while todo:
        part, role = todo.pop()
        if isinstance(part, list | tuple):
            todo += [(one, role) for one in part]
        elif isinstance(part, Mapping | Namespace) and "class_path" in part:
            yield part, role
            arguments = part.get("init_args")
            for name, value in _items(arguments).items() if isinstance(arguments, Mapping | Namespace) else ():
                if "encoder" in str(name) or name in NUMBERS:
                    todo.append((value, "encoder" if "encoder" in str(name) else str(name)))


def _items(settings: Any) -> dict[str, Any]:
    return vars(settings) if isinstance(settings, Namespace) else settings


def _arguments(class_path: Any) -> set[str]:
    """The names of a class's arguments; none where there is no such class, which is said later."""
    from gnnclr import node, vision

    class_path = str(class_path)
    try:
        found = pkgutil.resolve_name(class_path) if "." in class_path else None
    except (ImportError, AttributeError, ValueError):
        return set()
    found = found or getattr(node, class_path, None) or getattr(vision, class_path, None)
    return set(inspect.signature(found).parameters) if callable(found) else set()


def _load(recipe: Namespace) -> ContrastiveData:
    data = build_data(recipe)
    data.prepare_data()
    data.setup("fit")
    return data
