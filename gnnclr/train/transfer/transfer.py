"""Evaluates the encoder of a run on labeled images that it was not trained on."""

import json
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jsonargparse import Namespace
from torch import Tensor

from gnnclr.configs import RecipeError
from gnnclr.eval import ProbeResult, Split, few_labels, knn_probe, linear_of_any_size, retrieval
from gnnclr.ops.atomic import write_text
from gnnclr.ops.check import check_count
from gnnclr.ops.labels import UNLABELED
from gnnclr.train.channels import build_data
from gnnclr.train.image_data import ImageData
from gnnclr.train.load import backbone_of_method
from gnnclr.train.named_fields import names_fields
from gnnclr.train.photo_data import PhotoData
from gnnclr.train.recipe import parse_recipe
from gnnclr.train.run import Run
from gnnclr.train.run_result import versions
from gnnclr.train.transfer.finetune import finetune

#: The recipe whose data settings are taken; nothing else of it is.
RECIPE = "simclr-cpu"
#: The shares of labels that are known, as columns.
SHARES = {"1 % labels": 0.01, "10 % labels": 0.1}
DRAWS = 5
FOLDER = "evaluations"


class Transfer:
    """The encoder of a run, evaluated on other labeled images: what pixels, the untrained and the trained encoder tell
    about their classes.

    ==================  ===============================================================================================
    ``kNN``             accuracy of a vote of the nearest training images, see :func:`gnnclr.eval.knn_probe`
    ``linear``          accuracy of a linear classifier, fitted to convergence (:func:`gnnclr.eval.linear_probe`), or by
                        stochastic gradients (:func:`gnnclr.eval.sgd_probe`) where that would take more than minutes
    ``1 % labels``      the same with a share of the labels, five draws, see :func:`gnnclr.eval.few_labels`
    ``mAP``, ``R@k``    retrieval of training images by test images, see :func:`gnnclr.eval.retrieval`
    ``fine-tuned``      accuracy of the whole network, trained further, see :func:`finetune`
    ==================  ===============================================================================================

    All settings are chosen by validation. The result is written to ``evaluations/NAME.json`` in the folder of the run,
    with the name of the data set, or of its folder, whose other files stay as they are.

    Args:
        run (Run): A run on images.
        overrides (list): The data, in the words of the command line: ``["--data.dataset=folder", "--data.root=PATH"]``.
        epochs (int, optional): Epochs of fine-tuning. (default: ``0``, none)

    Raises:
        RecipeError: If an override is not about data, or they do not exist.
    """

    def __init__(self, run: Run, overrides: Sequence[str], epochs: int = 0) -> None:
        self.run: Run = run
        self.epochs: int = check_count("finetune", epochs, least=0)
        for word in overrides:
            if word.startswith("--") and not word.startswith("--data."):
                raise RecipeError(f"only fields of 'data' go with --run and --data.dataset (got {word!r})")
            if re.match(r"--data\.(init_args\.)?(size|labels)\b", word):
                raise RecipeError(f"{word.split('=')[0][2:]!r} must not be given: it is that of the run (got {word!r})")
        self.recipe: Namespace = parse_recipe(RECIPE, [*overrides, "--data.labels=true"])

    @names_fields
    def evaluate(self) -> dict[str, Any]:
        """Evaluates, and writes the result.

        Returns:
            dict: ``test``, by row and column: an accuracy, or those of all draws; ``validation`` and ``settings``
            likewise, ``labels``, how many labels columns with few of them knew, ``data`` and ``versions``.

        Raises:
            RecipeError: If the folder holds no run, or one on a graph.
            ValueError: If the images have no labels, or too few to hold some out.
        """
        untrained, trained, own = self.run.load_methods()
        device = "cuda" if torch.cuda.is_available() else "cpu"
        methods = {"untrained": untrained, "trained": trained}
        backbones = {n: backbone_of_method(self.run, method, own).to(device) for n, method in methods.items()}
        square = backbones["trained"].square
        if square is None:
            raise RecipeError(f"'{self.run.folder}' must say at which size it sees images (got a run of other data)")
        data = build_data(self.recipe)
        assert isinstance(data, (ImageData, PhotoData))
        if isinstance(data, PhotoData):
            data.square = square
        data.prepare_data()
        data.setup("evaluate")
        if data.split is None:
            raise ValueError(
                "'data.root' must hold images of several classes, enough to hold some out: folders are classes, as in "
                f"ROOT/cat/1.jpg (got {self._name(data)!r} without)"
            )
        columns: dict[str, dict[str, Any]] = {}
        for row, z in (data.baselines() | data.embed_all(backbones)).items():
            columns[row] = self._probed(row, z() if callable(z) else z, data.labels, data.split, device)
            if self.epochs and row in backbones:
                self._say(row, "fine-tuned")
                columns[row]["fine-tuned"] = finetune(backbones[row], data, self.epochs)
        data.teardown("evaluate")
        return self._written(columns, data)

    def _probed(self, row: str, z: Tensor, y: Tensor, split: Split, device: str) -> dict[str, Any]:
        linear = partial(linear_of_any_size, device=device)
        probes: dict[str, Callable[[Tensor, Tensor, Split], Any]] = {"kNN": knn_probe, "linear": linear}
        probes |= {n: partial(few_labels, share=share, draws=DRAWS, probe=linear) for n, share in SHARES.items()}
        found: dict[str, Any] = {}
        for name, probe in (probes | {"mAP": retrieval}).items():
            self._say(row, name)
            found[name] = probe(z.flatten(1), y, split)
        ranked = found.pop("mAP")
        return found | {"mAP": ranked.mean_average_precision} | {f"R@{k}": v for k, v in ranked.recall.items()}

    def _written(self, columns: dict[str, dict[str, Any]], data: ImageData | PhotoData) -> dict[str, Any]:
        y, split = data.labels, data.split
        root = getattr(data, "root", None)
        about = {"dataset": data.dataset, "root": None if root is None else str(Path(root).resolve())}
        about |= {"images": len(y), "classes": len(y[y != UNLABELED].unique())}
        about |= {name: len(getattr(split, name)) for name in ("train", "val", "test")}
        counts = torch.unique(y[split.train], return_counts=True)[1].tolist()
        result = {
            "data": about,
            "labels": {name: sum(max(1, round(share * n)) for n in counts) for name, share in SHARES.items()},
            **{part: _of_all(columns, part) for part in ("test", "validation", "settings")},
            "versions": versions(),
        }
        path = self._path(about, data)
        path.parent.mkdir(exist_ok=True)
        write_text(path, json.dumps(result, indent=2) + "\n")
        return {**result, "path": str(path)}

    def _path(self, about: dict[str, Any], data: ImageData | PhotoData) -> Path:
        """The file of these data: another folder of the same name has another number."""
        number = 1
        while True:
            path = self.run.folder / FOLDER / f"{self._name(data)}{f'-{number}' if number > 1 else ''}.json"
            if not path.exists() or json.loads(path.read_text(encoding="utf-8"))["data"]["root"] == about["root"]:
                return path
            number += 1

    def _name(self, data: ImageData | PhotoData) -> str:
        return Path(data.root).resolve().stem if isinstance(data, PhotoData) and data.root else data.dataset

    def _say(self, row: str, column: str) -> None:
        print(f"evaluation: {row}, {column}", file=sys.stderr, flush=True)


def _of_all(columns: dict[str, dict[str, Any]], part: str) -> dict[str, dict[str, Any]]:
    """One part of all results: that of a probe, of each of several draws, or a number as a test result."""
    name = {"test": "test", "validation": "val", "settings": "settings"}[part]

    def of(value: Any) -> Any:
        if isinstance(value, list):
            return [getattr(one, name) for one in value]
        return getattr(value, name) if isinstance(value, ProbeResult) else value

    return {
        row: {n: of(v) for n, v in found.items() if part == "test" or not isinstance(v, float)}
        for row, found in columns.items()
    }
