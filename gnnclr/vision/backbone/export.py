"""gnnclr export: files of a trained image encoder for other programs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from gnnclr.ops.atomic import atomic_write
from gnnclr.ops.check import check_choice
from gnnclr.ops.eval_mode import eval_mode
from gnnclr.ops.optional_package import optional_package
from gnnclr.vision.backbone.backbone import Backbone


def export_backbone(backbone: Backbone, path: str | Path, format: str) -> Path:
    r"""Writes a trained encoder to a file that needs nothing of this package to be read.

    ``"safetensors"``
        The weights of the encoder alone, under the names of the library that has the network. The metadata have the
        preprocessing: ``size``, ``share``, ``channels``, ``mean`` and ``std`` as JSON under ``preprocessing``.
    ``"torch_export"``
        A program for :func:`torch.export.load`, whose module maps images to features.
    ``"onnx"``
        The same for ONNX runtimes: input ``images``, output ``features``.

    Both programs take ``float32`` images :math:`(B, C, S, S)` in :math:`[0, 1]`, with any :math:`B`, and normalize them
    by themselves; :math:`S` is the ``size`` of the preprocessing, which they carry too (``preprocessing.json`` in the
    extra files, or the metadata). What is seen of a photo, its upright central square, is said by
    :class:`~gnnclr.vision.CentralSquare`.

    Args:
        backbone (Backbone): The encoder with its preprocessing.
        path (str or Path): The file, which is written whole or not at all.
        format (str): ``"safetensors"``, ``"torch_export"`` or ``"onnx"``.

    Returns:
        Path: The file.

    Raises:
        ValueError: If the format is unknown, or the encoder does not say at which size it sees images.
        ImportError: If a package of the format is missing.
    """
    write = FORMATS[check_choice("format", format, tuple(FORMATS))]
    if backbone.square is None:
        raise ValueError("'backbone' must have a square, which says the size of its images (got None)")
    with eval_mode(backbone), torch.no_grad(), atomic_write(path, "wb") as file:
        write(backbone, file)
    return Path(path)


def example_images(backbone: Backbone) -> Tensor:
    """Two images of the size that a backbone sees, by which programs are traced: a batch of one would stay one."""
    square, parameter = backbone.square, next(backbone.parameters())
    return torch.rand(2, square.channels, square.size, square.size, device=parameter.device)


def _safetensors(backbone: Backbone, file: IO[bytes]) -> None:
    safetensors = optional_package("safetensors.torch", "safetensors", "the format safetensors", EXTRA)
    weights = {name: value.detach().cpu().contiguous() for name, value in backbone.encoder.state_dict().items()}
    file.write(safetensors.save(weights, {"format": "pt", **_metadata(backbone)}))


def _program(backbone: Backbone) -> torch.export.ExportedProgram:
    """The encoder as a program for any number of images."""
    arguments = (backbone.features, (example_images(backbone),))
    shapes = ({0: torch.export.Dim("batch", min=1)},)
    try:
        return torch.export.export(*arguments, dynamic_shapes=shapes, strict=False)
    except RuntimeError:  # attention of torch keeps the number of the example, unless its code is read
        return torch.export.export(*arguments, dynamic_shapes=shapes, strict=True)


def _torch_export(backbone: Backbone, file: IO[bytes]) -> None:
    extra = {"preprocessing.json": _metadata(backbone)["preprocessing"]}
    torch.export.save(_program(backbone), file, extra_files=extra)


def _onnx(backbone: Backbone, file: IO[bytes]) -> None:
    for package in ("onnx", "onnxscript"):
        optional_package(package, package, "the format onnx", EXTRA)
    names: dict[str, Any] = {"input_names": ["images"], "output_names": ["features"]}
    program = torch.onnx.export(_program(backbone), **names, dynamo=True, verbose=False)
    model = program.model_proto
    for key, value in _metadata(backbone).items():
        model.metadata_props.add(key=key, value=value)
    file.write(model.SerializeToString())


def _metadata(backbone: Backbone) -> dict[str, str]:
    return {"preprocessing": json.dumps(backbone.preprocessing())}


#: What brings the packages of all formats.
EXTRA = "gnnclr[export]"
FORMATS: dict[str, Callable[[Backbone, IO[bytes]], Any]] = {
    "safetensors": _safetensors,
    "torch_export": _torch_export,
    "onnx": _onnx,
}
