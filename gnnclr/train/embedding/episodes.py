"""Few-shot episodes of the features that a run gives, on classes that it was not trained on."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gnnclr.configs import RecipeError
from gnnclr.eval import FewShotResult, PrototypeTuning, SupportTransport, few_shot
from gnnclr.ops.atomic import write_text
from gnnclr.ops.labels import UNLABELED
from gnnclr.ops.notice import notice
from gnnclr.train.contrastive_data import ContrastiveData
from gnnclr.train.run import Run
from gnnclr.train.selected_batches import SelectedBatches

Table = dict[str, dict[str, FewShotResult]]


def few_shot_episodes(
    run: str | Path,
    ways: int = 5,
    shots: Sequence[int] = (1, 5),
    queries: int = 15,
    episodes: int = 1000,
    seed: int = 0,
) -> Table:
    """Few-shot accuracy of a run on images, as :func:`gnnclr.eval.few_shot` measures it, and writes ``few_shot.json``
    into its folder.

    Where ``data.train_classes`` named the classes to train on, episodes are of all images of the other classes.
    Otherwise training has seen images of all classes, though no labels, and episodes are of the test images.

    Args:
        run (str or Path): The folder of the run.
        ways (int, optional): Classes of an episode. (default: ``5``)
        shots (sequence of int, optional): Labeled images of a class. (default: ``(1, 5)``)
        queries (int, optional): Images of a class to be classified. (default: ``15``)
        episodes (int, optional): Number of episodes. (default: ``1000``)
        seed (int, optional): Seed of the episodes, the same for all rows. (default: ``0``)

    Returns:
        dict: For ``raw`` pixels, the ``untrained`` and the ``trained`` encoder, and for the trained one ``trained,
        transport`` and ``trained, OpT-Tune`` (transport, then training of the prototypes), a result for each number of
        shots, as ``"1-shot"``. Where the method passes messages between samples (``gnn.adapt``), further rows have
        those of an episode exchanged first.

    Raises:
        RecipeError: If the folder holds no run on labeled images.
        ValueError: If an argument does not fit the data: there are too few classes, or too few images of one.
    """
    opened = Run.open(run)
    untrained, trained, data, _ = opened.load()
    rows = _rows(opened, data)
    notice(_said(data, rows))
    features = {name: make() for name, make in data.baselines().items()}
    features |= data.embed_all({"untrained": untrained, "trained": trained})
    settings: dict[str, Any] = {"ways": ways, "queries": queries, "episodes": episodes, "seed": seed}
    table: Table = {}
    for name, x, options in _variants({name: x[rows] for name, x in features.items()}, trained):
        table[name] = {f"{k}-shot": few_shot(x, data.labels[rows], shots=k, **settings, **options) for k in shots}
    written = {"settings": settings | {"rows": int(rows.numel())}, "results": _plain(table)}
    write_text(opened.folder / "few_shot.json", json.dumps(written, indent=2) + "\n")
    return table


def _rows(run: Run, data: ContrastiveData) -> Tensor:
    """The images that episodes are made of."""
    labels = data.labels
    if not isinstance(data, SelectedBatches) or labels is None or not bool((labels != UNLABELED).any()):
        got = "images without labels" if isinstance(data, SelectedBatches) else "a graph"
        raise RecipeError(f"'{run.folder}' must be a run on images with labels, for episodes of classes (got {got})")
    classes = data.trained_classes()
    if classes is not None:
        return ((labels != UNLABELED) & ~torch.isin(labels, classes)).nonzero().view(-1)
    if data.split is None:
        raise RecipeError(f"'{run.folder}' must hold test images, or have data.train_classes (got neither)")
    return data.split.test


def _said(data: ContrastiveData, rows: Tensor) -> str:
    number = data.labels[rows].unique().numel()
    if isinstance(data, SelectedBatches) and data.train_classes is not None:
        return f"episodes of {rows.numel()} images of the {number} classes that were not trained on"
    return f"episodes of {rows.numel()} test images of {number} classes, of which training has seen other images"


def _variants(features: dict[str, Tensor], method: nn.Module) -> list[tuple[str, Tensor, dict[str, Any]]]:
    """The rows of the table: a name, features, and arguments of :func:`few_shot`."""
    trained = features["trained"]
    forms: dict[str, dict[str, Any]] = {
        "": {},
        "transport": {"transport": SupportTransport()},
        "OpT-Tune": {"transport": SupportTransport(), "tuning": PrototypeTuning()},
    }
    variants = [(name, x, {}) for name, x in features.items() if name != "trained"]
    variants += [(_join("trained", form), trained, options) for form, options in forms.items()]
    adapt = getattr(getattr(method, "gnn", None), "adapt", None)
    if adapt is not None:
        method.eval()
        variants += [
            (_join("trained, messages", form), trained, options | {"transform": adapt})
            for form, options in forms.items()
        ]
    return variants


def _join(*words: str) -> str:
    return ", ".join(word for word in words if word)


def _plain(table: Table) -> dict[str, dict[str, dict[str, float]]]:
    return {
        row: {name: {"accuracy": found.accuracy, "interval": found.interval} for name, found in results.items()}
        for row, results in table.items()
    }
