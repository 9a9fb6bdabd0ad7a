"""gnnclr.load: the trained encoder of a run on images, as a Backbone."""

from pathlib import Path
from typing import Any

import yaml
from torch import nn

from gnnclr.configs import RecipeError
from gnnclr.train.contrastive_data import ContrastiveData
from gnnclr.train.run import Run
from gnnclr.vision import Backbone
from gnnclr.vision.backbone.saved import is_saved, read_backbone


def load(run: str | Path) -> Backbone:
    """Loads the encoder that a run on images has trained, in evaluation mode on the CPU, with the preprocessing that it
    was evaluated with. The data of the run are not needed.

    Args:
        run (str or Path): The folder of the run, such as ``"runs/simclr-folder/1"``; or one that
            :meth:`gnnclr.vision.Backbone.save_pretrained` wrote.

    Returns:
        Backbone: Maps paths, images of Pillow, or tensors to features :math:`(B, D)`.

    Raises:
        RecipeError: If the folder holds no run, its checkpoint is damaged, or the run is of a graph.

    Example:
        >>> backbone = gnnclr.load("runs/simclr-folder/1")
        >>> with torch.no_grad():
        ...     features = backbone("photo.jpg")
    """
    if is_saved(run) and not Path(run, "config.yaml").is_file():
        return read_backbone(run)
    return backbone_of(Run.open(run))


def backbone_of(run: Run) -> Backbone:
    """The trained encoder of an open run, see :func:`load`.

    Args:
        run (Run): The run.
    """
    return backbone_of_method(run, *run.load_method())


def backbone_of_method(run: Run, method: nn.Module, data: ContrastiveData) -> Backbone:
    """The encoder of a method of an open run, in evaluation mode.

    Args:
        run (Run): The run.
        method (torch.nn.Module): Its method, trained or not.
        data (ContrastiveData): Its data, of which nothing is read.
    """
    features = getattr(method, "features", None)
    if not callable(features):
        raise RecipeError(
            f"'{run.folder}' must be a run on images (got one of {type(method).__name__}, on a graph); `gnnclr embed "
            f"--run {run.folder}` writes the embeddings of its nodes"
        )
    backbone = Backbone(features(), data.square).eval()
    backbone.origin = _origin(run, method)
    return backbone


def _origin(run: Run, method: nn.Module) -> dict[str, Any]:
    """The settings of the encoder, and what a reader wants to know of its training; no path is among them."""
    settings = yaml.safe_load(run.settings())
    arguments = settings["model"]["method"].get("init_args") or {}
    about = settings["data"].get("init_args") or {}
    told = {"method": type(method).__name__}
    if isinstance(arguments.get("loss"), dict):
        told["loss"] = arguments["loss"]["class_path"].rpartition(".")[2]
    told |= {"data": about.get("dataset"), "labels used": bool(about.get("labels"))}
    told |= {"epochs": settings["trainer"].get("max_epochs"), "batch size": about.get("batch_size")}
    told |= {"global batch size": about["global_batch_size"]} if about.get("global_batch_size") else {}
    told |= {"optimizer": settings["model"]["optimizer"]["class_path"].rpartition(".")[2]}
    told |= {"learning rate": settings["model"]["optimizer"]["init_args"].get("lr")}
    told |= {"seed": settings["seed_everything"]}
    encoder = arguments.get("encoder")
    if isinstance(encoder, dict) and "weights" in (encoder.get("init_args") or {}):
        told["pretrained"] = encoder["init_args"]["weights"] is not None
        encoder = {**encoder, "init_args": {**encoder["init_args"], "weights": None}}
    try:
        result = run.result or {}
    except ValueError:  # damaged: the encoder is as it is
        result = {}
    kept = {name: result[name] for name in ("steps", "test", "geometry", "versions") if name in result}
    return {"encoder": encoder, "training": {"method": told["method"], "settings": told, "result": kept}}
