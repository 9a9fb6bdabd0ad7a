"""A folder with a trained encoder, as the Hugging Face Hub has it."""

import json
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

import gnnclr
from gnnclr.ops.atomic import write_text
from gnnclr.ops.read_files import read_files
from gnnclr.vision.backbone.backbone import Backbone
from gnnclr.vision.backbone.export import export_backbone
from gnnclr.vision.backbone.model_card import model_card
from gnnclr.vision.encoders.image_encoder import image_encoder
from gnnclr.vision.encoders.mirrored import Mirrored
from gnnclr.vision.encoders.slim_resnet import SlimResNet
from gnnclr.vision.encoders.weight_file import load_weight_file
from gnnclr.vision.encoders.whitened import Whitened
from gnnclr.vision.photos.square import CentralSquare
from gnnclr.vision.transforms.normalize import Normalize

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
#: No other encoders are made: the folder of a stranger must not choose what code is run.
TRUSTED: dict[str, Callable[..., nn.Module]] = {
    kind.__name__: kind for kind in (image_encoder, Mirrored, SlimResNet, Whitened)
}
COLORS = ("mean", "std")
#: The parts of what a method with one encoder keeps, see :meth:`gnnclr.vision.VisionMethod.features`.
PARTS = ["normalize", "encoder", "flatten"]


def save_backbone(backbone: Backbone, folder: str | Path) -> Path:
    """Writes a trained encoder into a folder: ``config.json`` with the settings of the encoder, its preprocessing and
    what is known of its training; ``model.safetensors``; and ``README.md``, a model card.

    Args:
        backbone (Backbone): The encoder, as :func:`gnnclr.load` gives it.
        folder (str or Path): The folder, which is made unless it exists.

    Raises:
        ValueError: If the encoder was made by hand, or by a method with several encoders.
        ImportError: If safetensors are missing.
    """
    encoder = (backbone.origin or {}).get("encoder")
    if not isinstance(encoder, dict) or [*dict(backbone.features.named_children())] != PARTS:
        raise ValueError(
            "'backbone' must be that of a run with one encoder, as gnnclr.load gives it (got one of unknown settings)"
        )
    config = {"gnnclr": gnnclr.__version__, "encoder": encoder, "preprocessing": backbone.preprocessing()}
    config["training"] = backbone.origin.get("training", {})
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    export_backbone(backbone, folder / WEIGHTS, "safetensors")
    write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")
    write_text(folder / CARD, model_card(config))
    return folder


def is_saved(folder: str | Path) -> bool:
    """Whether there is an encoder of :func:`save_backbone` in a folder."""
    return all((Path(folder) / name).is_file() for name in (CONFIG, WEIGHTS))


def read_backbone(folder: str | Path, encoder: nn.Module | None = None, kind: type[Backbone] = Backbone) -> Backbone:
    """Reads an encoder of :func:`save_backbone`, in evaluation mode on the CPU.

    Args:
        folder (str or Path): The folder.
        encoder (torch.nn.Module, optional): The network, whose weights are replaced, where it is none of
            :mod:`gnnclr.vision`: such classes are not imported because a folder says so. (default: ``None``)
        kind (type, optional): The class of the result. (default: :class:`Backbone`)

    Raises:
        ValueError: If files are damaged or do not fit, or an encoder must be given and is not.
    """
    folder = Path(folder)

    def read() -> dict[str, Any]:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if not {"encoder", "preprocessing"} <= config.keys():
            raise ValueError("it lacks encoder or preprocessing")
        return config

    config = read_files(folder / CONFIG, read, "be the undamaged settings of an encoder")
    network = _made(config["encoder"], folder / CONFIG) if encoder is None else encoder
    load_weight_file(network, folder / WEIGHTS)
    square = {name: value for name, value in config["preprocessing"].items() if name not in COLORS}
    colors = [config["preprocessing"][name] for name in COLORS if name in config["preprocessing"]]
    normalize = Normalize(*colors) if colors else nn.Identity()
    features = nn.Sequential(OrderedDict(zip(PARTS, (normalize, network, nn.Flatten(1)))))
    backbone = kind(features, CentralSquare(**square))
    backbone.origin = {"encoder": config["encoder"], "training": config.get("training", {})}
    return backbone.eval()


def _made(settings: dict[str, Any], path: Path) -> nn.Module:
    """The encoder of settings, without pretrained weights."""
    name = str(settings.get("class_path"))
    make_encoder = TRUSTED.get(name.rpartition(".")[2]) if name.startswith("gnnclr.vision.") else None
    if make_encoder is None:
        raise ValueError(
            f"'{path}' must name an encoder of gnnclr.vision (got {name!r}): make that yourself, and give it as "
            f"'encoder'"
        )
    arguments = {key: value for key, value in (settings.get("init_args") or {}).items() if key != "weights"}
    if isinstance(inner := arguments.get("encoder"), dict):
        arguments["encoder"] = _made(inner, path)

    def make() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            return make_encoder(**arguments)

    return read_files(path, make, "have the settings of an encoder of this version")
