"""Evaluates the encoder of a run on test images that are corrupted, or show one class in the texture of another."""

import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from jsonargparse import Namespace
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from gnnclr.configs import RecipeError
from gnnclr.eval import ProbeResult, Split, knn_probe, linear_of_any_size
from gnnclr.ops.atomic import write_text
from gnnclr.ops.check import check_count
from gnnclr.ops.eval_mode import eval_mode
from gnnclr.ops.mixed_seed import mixed_seed
from gnnclr.train.contrastive_data import ContrastiveData, check_embedding, device_of
from gnnclr.train.image_data import ImageData
from gnnclr.train.named_fields import names_fields
from gnnclr.train.photo_data import PhotoData
from gnnclr.train.run import Run
from gnnclr.train.run_result import versions
from gnnclr.train.transfer.transfer import FOLDER
from gnnclr.vision import ImageQuilting, corrupt, corruptions_of, transfer_texture

#: How much the shape counts in an image that has another's texture.
SHAPE = 0.8
BATCH = 128
CONFLICT = "conflict"


class Conflict(NamedTuple):
    """Images with the shape of one image and the texture of another, of another class.

    Args:
        images (Tensor): The images [m, c, h, w].
        shape (Tensor): The rows that the shapes are from [m], among those given.
        texture (Tensor): The rows that the textures are from [m].
    """

    images: Tensor
    shape: Tensor
    texture: Tensor


class Pixels(nn.Module):
    """The pixels as features, of large images averages of them.

    Args:
        side (int, optional): The largest side. (default: ``32``)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`
        - **output:** features :math:`(B, D)`
    """

    def __init__(self, side: int = 32) -> None:
        super().__init__()
        self.side: int = check_count("side", side)

    def forward(self, images: Tensor) -> Tensor:
        """The pixels, in a row."""
        return adaptive_avg_pool2d(images, [min(self.side, side) for side in images.shape[2:]]).flatten(1)


class OutOfDomain:
    """The accuracy of kNN and linear probes, fitted and chosen on images as they are, of test images as they are not:

    ====================  =============================================================================================
    ``clean``             the test images as they are
    ``noise 1`` …         each corruption (:func:`gnnclr.vision.corrupt`) at each of its five strengths
    ``corrupted, mean``   the mean over corruptions and strengths
    ``by shape``          of images with the shape of one image and the texture of another of another class
                          (:func:`gnnclr.vision.transfer_texture`), the share that is given the class of the shape
    ``by texture``        the share that is given the class of the texture; the rest is given neither
    ====================  =============================================================================================

    Rows are the pixels, the untrained and the trained encoder. The result is written to
    ``evaluations/corruptions.json`` in the folder of the run, whose other files stay as they are.

    Args:
        run (Run): A run on images.
        images (int, optional): Test images that are looked at, drawn once for all runs. (default: ``1000``, or all
            where there are fewer)
    """

    def __init__(self, run: Run, images: int = 1000) -> None:
        self.run: Run = run
        self.recipe: Namespace = run.recipe
        self.images: int = check_count("corruptions", images)

    @names_fields
    def evaluate(self) -> dict[str, Any]:
        """Evaluates, and writes the result.

        Returns:
            dict: ``test``, by row, probe and what is looked at; ``validation`` and ``settings`` of the probes,
            ``images`` and ``versions``.

        Raises:
            RecipeError: If the folder holds no run, or one on a graph.
            ValueError: If the images have no labels.
        """
        untrained, trained, data, _ = self.run.load()
        if not isinstance(data, (ImageData, PhotoData)):
            raise RecipeError(f"'{self.run.folder}' must be a run on images (got one on {type(data).__name__})")
        if data.split is None:
            raise ValueError(f"'--corruptions' needs images with labels to judge by (got '{self.run.folder}' without)")
        device = "cuda" if torch.cuda.is_available() else "cpu"
        methods = {"raw": Pixels(), "untrained": untrained.to(device), "trained": trained.to(device)}
        looked = min(self.images, len(data.split.test))
        found = out_of_domain(methods, data, self.images, say=_say)
        result = {
            "images": looked,
            **{part: _of_all(found, part) for part in ("test", "validation", "settings")},
            "versions": versions(),
        }
        path = self.run.folder / FOLDER / "corruptions.json"
        path.parent.mkdir(exist_ok=True)
        write_text(path, json.dumps(result, indent=2) + "\n")
        return {**result, "path": str(path)}


def out_of_domain(
    methods: Mapping[str, nn.Module],
    data: ContrastiveData,
    images: int = 1000,
    seed: int = 0,
    say: Callable[[str, str], None] = lambda row, probe: None,
) -> dict[str, dict[str, tuple[ProbeResult, dict[str, float]]]]:
    """What :class:`OutOfDomain` measures, of any methods.

    Args:
        methods (dict): Methods by name.
        data (ContrastiveData): Labeled images, set up.
        images (int, optional): Test images that are looked at. (default: ``1000``)
        seed (int, optional): The seed of noise, textures and of the images that are drawn. (default: ``0``)
        say (callable, optional): Is told the row and the probe that come next.

    Returns:
        dict: For each method and each probe its result, and a dict of all measures.
    """
    split, labels = data.split, data.labels
    order = torch.randperm(len(split.test), generator=torch.Generator().manual_seed(seed))
    rows = split.test[order[:images].sort().values]
    clean, y = data.inputs(rows), labels[rows]
    seen = torch.cat([split.train, split.val])
    looks, conflict = _looks(clean, seed), shape_texture_conflict(clean, y, seed)
    looks |= {CONFLICT: lambda: conflict.images} if len(conflict.shape) else {}
    features: dict[str, list[Tensor]] = {name: [] for name in methods}
    for make in (*(partial(data.inputs, part) for part in seen.split(512)), *looks.values()):
        images_seen = make()
        for name, method in methods.items():
            features[name].append(_features(method, name, images_seen))

    truth = torch.cat([labels[seen], *(y[conflict.shape] if name == CONFLICT else y for name in looks)])
    train, val = torch.arange(len(seen)).split([len(split.train), len(split.val)])
    every = Split(train, val, torch.arange(len(seen), len(truth)))
    sizes = [len(conflict.shape) if name == CONFLICT else len(y) for name in looks]
    device = str(next((device_of(method) for method in methods.values()), "cpu"))
    probes = {"kNN": knn_probe, "linear": partial(linear_of_any_size, device=device)}
    found: dict[str, dict[str, tuple[ProbeResult, dict[str, float]]]] = {}
    for row in methods:
        z = torch.cat(features.pop(row))
        for name, probe in probes.items():
            say(row, name)
            result = probe(z, truth, every)
            predicted = dict(zip(looks, result.predicted.split(sizes)))
            found.setdefault(row, {})[name] = result, _measures(predicted, y, conflict)
    return found


def shape_texture_conflict(images: Tensor, labels: Tensor, seed: int = 0) -> Conflict:
    """Images with the shape of each image and the texture of another one of another class; where one class has more
    than half of all images, some of its images are left out.

    Args:
        images (Tensor): The images [n, c, h, w], in [0, 1].
        labels (Tensor): Their labels [n].
        seed (int, optional): The seed. (default: ``0``)
    """
    generator = torch.Generator().manual_seed(mixed_seed(seed, 1))
    order = torch.randperm(len(labels), generator=generator)
    order = order[labels[order].argsort(stable=True)]
    # Sorted by class, a shift by the largest class meets another class.
    other = order.roll(-int(torch.unique(labels, return_counts=True)[1].max()))
    apart = labels[order] != labels[other]
    shape, texture = order[apart], other[apart]
    quilting = ImageQuilting(source=1.0, sources=1)
    parts = [
        transfer_texture(images[a], images[b], quilting, SHAPE, generator)
        for a, b in zip(shape.split(BATCH), texture.split(BATCH))
    ]
    return Conflict(torch.cat([images[:0], *parts]), shape, texture)


def _looks(clean: Tensor, seed: int) -> dict[str, Callable[[], Tensor]]:
    """What makes the test images as they are looked at, by name."""
    looks: dict[str, Callable[[], Tensor]] = {"clean": lambda: clean}
    for name in corruptions_of(clean.size(1)):
        for strength in range(1, 6):
            looks[f"{name} {strength}"] = partial(corrupt, clean, name, strength, seed)
    return looks


def _measures(predicted: Mapping[str, Tensor], y: Tensor, conflict: Conflict) -> dict[str, float]:
    shares = {name: float((of == y).double().mean()) for name, of in predicted.items() if name != CONFLICT}
    corrupted = [share for name, share in shares.items() if name != "clean"]
    shares["corrupted, mean"] = sum(corrupted) / len(corrupted)
    if CONFLICT in predicted:
        of = predicted[CONFLICT]
        for name, rows in (("by shape", conflict.shape), ("by texture", conflict.texture)):
            shares[name] = float((of == y[rows]).double().mean())
    return shares


@torch.no_grad()
def _features(method: nn.Module, name: str, images: Tensor) -> Tensor:
    with eval_mode(method):
        parts = [method(chunk.to(device_of(method))).float().cpu() for chunk in images.split(512)]
    return check_embedding(torch.cat(parts), name)


def _of_all(found: Mapping[str, Mapping[str, tuple[ProbeResult, dict[str, float]]]], part: str) -> dict[str, Any]:
    def of(result: ProbeResult, measures: dict[str, float]) -> Any:
        return {"test": measures, "validation": result.val, "settings": result.settings}[part]

    return {row: {name: of(*pair) for name, pair in probes.items()} for row, probes in found.items()}


def _say(row: str, probe: str) -> None:
    print(f"evaluation: {row}, {probe}", file=sys.stderr, flush=True)
