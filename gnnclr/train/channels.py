"""Numbers of channels and classes, which a recipe leaves to the data."""

import copy
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from gnnclr.train.contrastive_data import ContrastiveData
from gnnclr.train.module import ContrastiveModule

#: Stands for a number that is read from the data, as in PyG.
FROM_DATA = -1
#: The numbers that are read, by the part of a method and the argument.
NUMBERS = {
    "method": {"in_channels": "channels", "num_communities": "classes"},
    "encoder": {"in_channels": "channels"},
    "decoder": {"out_channels": "channels"},
}


def open_channels(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings in which each number of channels that is not given is left to the data.

    Args:
        settings (dict): Settings as YAML gives them; they stay as they are.
    """
    settings = copy.deepcopy(settings)
    model = settings.get("model")
    for part, role in _parts(model.get("method") if isinstance(model, dict) else None):
        for name, what in NUMBERS[role].items():
            if what == "channels" and name in _arguments(part["class_path"]):
                part["init_args"] = {name: FROM_DATA} | (part.get("init_args") or {})
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
    return with_numbers(recipe, data.in_channels, data.num_classes), data


def with_numbers(recipe: Namespace, channels: int, classes: int | None = None) -> Namespace:
    """The recipe with numbers in the place of those that it leaves to the data.

    Args:
        recipe (Namespace): The settings, see :func:`gnnclr.train.parse_recipe`; they stay as they are.
        channels (int): Channels of the input.
        classes (int, optional): The number of classes, where it is known. (default: ``None``)

    Raises:
        ValueError: If the number of classes is wanted and not known.
    """
    recipe = copy.deepcopy(recipe)
    for args, role, name in _open_numbers(recipe):
        value = {"channels": channels, "classes": classes}[NUMBERS[role][name]]
        if value is None:
            raise ValueError(f"'model.method.{name}' must be given: the data have no labels to count the classes of")
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


def build_module(recipe: Namespace, channels: int, classes: int | None = None) -> ContrastiveModule:
    """Makes the method of a recipe with its optimizer, for data that are there already; the weights are drawn from the
    generator as it is.

    Args:
        recipe (Namespace): The settings, see :func:`gnnclr.train.parse_recipe`; they stay as they are.
        channels (int): Channels of the input, where the recipe leaves them to the data.
        classes (int, optional): The number of classes, where the recipe leaves it to the data. (default: ``None``)

    Raises:
        ValueError: If the number of classes is wanted and not given.
    """
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(ContrastiveModule, "model")
    return parser.instantiate(Namespace(model=with_numbers(recipe, channels, classes).model)).model


def _open_numbers(recipe: Namespace) -> list[tuple[dict[str, Any], str, str]]:
    """The arguments with a number that is left to the data, the role of their part, and the name of the number."""
    parts = [(_items(part.get("init_args") or {}), role) for part, role in _parts(recipe.model.method)]
    return [(args, role, name) for args, role in parts for name in NUMBERS[role] if args.get(name) == FROM_DATA]


def _parts(method: Any) -> Iterator[tuple[Any, str]]:
    """The parts of a method that depend on the data, with their role; settings are dicts or namespaces."""
    todo = [(method, "method")]
    while todo:
        part, role = todo.pop()
        if isinstance(part, list):
            todo += [(one, role) for one in part]
        elif isinstance(part, Mapping | Namespace) and "class_path" in part:
            yield part, role
            arguments = part.get("init_args")
            for name, value in _items(arguments).items() if isinstance(arguments, Mapping | Namespace) else ():
                if "encoder" in str(name) or name == "decoder":
                    todo.append((value, "encoder" if "encoder" in name else "decoder"))


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
