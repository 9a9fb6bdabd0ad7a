"""Numbers of channels and classes, sizes and colors of images, the propagation of features, and widths, which a recipe
leaves to be found."""

import copy
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jsonargparse import ArgumentParser, Namespace
from torch import nn

from gnnclr.node.sparse.propagation_blocks import CONCATENATION
from gnnclr.train.contrastive_data import ContrastiveData
from gnnclr.train.image_data import known_colors
from gnnclr.train.module import ContrastiveModule
from gnnclr.vision import image_encoder
from gnnclr.vision.encoders.feature_width import feature_width

#: Stands for what is found: for a number as in PyG, for colors and sizes of images and for propagation nothing.
FROM_DATA: dict[str, int | None] = {
    "channels": -1,
    "classes": -1,
    "mean": None,
    "std": None,
    "size": None,
    "blocks": None,
    "width": -1,
}
COLORS = {"mean": "mean", "std": "std"}
#: Why a number is not known.
WHY = dict.fromkeys(COLORS, "do not say which colors they have") | {"blocks": "have no edges to propagate over"}
#: What is read, by the part of a method and the argument.
NUMBERS: dict[str, dict[str, str]] = {
    "method": {"in_channels": "channels", "num_communities": "classes"},
    "encoder": {"in_channels": "channels", "image_size": "size", "blocks": "blocks"},
    "projector": {"in_features": "width"},
    "decoder": {"out_channels": "channels"},
    "views": COLORS,
    "normalize": COLORS,
    "modalities": {},
}


class Numbers(NamedTuple):
    """What a recipe may leave to its data.

    Args:
        channels (int, optional): Channels of the input, where they are known.
        classes (int, optional): The number of classes.
        mean (list[float], optional): The mean of each channel of images in [0, 1], where it is known.
        std (list[float], optional): The deviation of each channel.
        size (int, optional): Height and width of images where nothing is random.
        blocks (list, optional): How features of a graph are propagated, where it was chosen.
    """

    channels: int | None = None
    classes: int | None = None
    mean: list[float] | None = None
    std: list[float] | None = None
    size: int | None = None
    blocks: list[list[float]] | None = None


def open_channels(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings in which the numbers of channels and the colors of images that are not given are left to the data.

    Args:
        settings (dict): Settings as YAML gives them; they stay as they are.
    """
    settings = copy.deepcopy(settings)
    model = settings.get("model")
    for part, role in _parts(model.get("method") if isinstance(model, dict) else None):
        for name, what in NUMBERS[role].items():
            if what not in ("classes", "width") and name in _arguments(part["class_path"]):
                part["init_args"] = {name: FROM_DATA[what]} | (part.get("init_args") or {})
    return settings


def read_from_data(recipe: Namespace) -> tuple[Namespace, ContrastiveData | None]:
    """The recipe with the numbers of its data, and the data, loaded; ``None`` where all numbers are given.

    Args:
        recipe (Namespace): The settings, see :func:`gnnclr.train.parse_recipe`; they stay as they are.

    Raises:
        ValueError: If classes are to be counted, and the data have no labels.
    """
    wanted = {NUMBERS[role][name] for _, role, name in _open_numbers(recipe)}
    if not wanted - {"size", "width"}:  # these need no data
        return with_numbers(recipe, Numbers(size=_size(build_data(recipe)))) if wanted else copy.deepcopy(recipe), None
    data = _load(recipe)
    colors = (data.colors() if wanted & {"mean", "std"} else None) or (None, None)
    blocks = data.choose_blocks() if "blocks" in wanted else None
    return with_numbers(recipe, Numbers(data.in_channels, data.num_classes, *colors, _size(data), blocks)), data


def with_numbers(recipe: Namespace, numbers: Numbers) -> Namespace:
    """The recipe with numbers in the place of those that it leaves to the data, and with the width of its encoder.

    Args:
        recipe (Namespace): The settings, see :func:`gnnclr.train.parse_recipe`; they stay as they are.
        numbers (Numbers): The numbers.

    Raises:
        ValueError: If a number is wanted that is not known.
    """
    recipe = copy.deepcopy(recipe)
    widths = []
    for args, role, name in _open_numbers(recipe):
        what = NUMBERS[role][name]
        if what == "width":
            widths.append((args, name))
        else:
            args[name] = getattr(numbers, what)
            if args[name] is None and what != "size":
                where = f"'model.method.{name if role == 'method' else f'{role}.{name}'}'"
                why = WHY.get(name, "have no labels to count the classes of")
                raise ValueError(f"{where} must be given: the data {why}")
    method = _items(recipe.model.method.get("init_args") or {})
    for args, name in widths if isinstance(method.get("encoder"), Namespace) else ():
        args[name] = _width(method["encoder"], numbers)
    return recipe


def _width(encoder: Namespace, numbers: Numbers) -> int:
    parser, settings = ArgumentParser(exit_on_error=False), Namespace(encoder=without_weights(encoder))
    parser.add_argument("--encoder", type=nn.Module)
    return feature_width(lambda: parser.instantiate(settings).encoder, numbers.channels, numbers.size)


def without_weights(settings: Any) -> Any:
    """A copy of settings in which no :func:`gnnclr.vision.image_encoder` reads pretrained weights.

    Args:
        settings (Namespace): The settings of an encoder, or of what has one.
    """
    settings = copy.deepcopy(settings)
    todo = [settings]
    while todo:
        part = todo.pop()
        if isinstance(part, list):
            todo += part
        elif isinstance(part, Namespace):
            if str(part.get("class_path")).rpartition(".")[2] == image_encoder.__name__:
                part.init_args.weights = None
            todo += vars(part).values()
    return settings


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
    blocks = [list(block) for block in CONCATENATION]  # nothing is chosen without data
    numbers = Numbers(channels, classes, *(colors or (None, None)), _size(build_data(recipe)), blocks)
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


def _size(data: ContrastiveData) -> int | None:
    return None if data.square is None else data.square.size


def _load(recipe: Namespace) -> ContrastiveData:
    data = build_data(recipe)
    data.prepare_data()
    data.setup("fit")
    return data
