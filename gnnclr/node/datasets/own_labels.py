"""Labels of a graph of one's own: numbers, texts, one column or several."""

from typing import Any

import torch
from torch import Tensor

from gnnclr.ops.check import describe, is_integer
from gnnclr.ops.labels import UNLABELED, as_tensor, class_labels


def own_labels(y: Any, num_nodes: int, name: str = "data.y") -> tuple[Tensor, list[str] | None, str]:
    """The label of each node, the names of classes where labels were texts, and a phrase about them.

    Args:
        y (Tensor or list): Whole numbers in any type, ``-1`` or NaN where one is missing; texts, ``None`` or ``""``
            where one is missing; or zeros and ones [n, c], which are classes where each row has a single one, and
            several labels of a node otherwise.
        num_nodes (int): The number of nodes.
        name (str, optional): Name of the labels, for messages. (default: ``"data.y"``)

    Shapes:
        - **output:** int64 :math:`(n)`, or :math:`(n, c)` of zeros and ones for several labels, ``-1`` where one is
          missing, all of a row

    Raises:
        ValueError: If labels are no classes, or not one for each node.
    """
    classes = None
    if _texts(y):
        y, classes = _of_texts(y)
    labels = as_tensor(y)
    if not isinstance(labels, Tensor) or labels.dim() == 0 or labels.size(0) != num_nodes:
        raise ValueError(f"'{name}' must have an entry for each of {num_nodes} nodes (got {describe(labels)})")
    if labels.dim() == 2 and labels.size(1) > 1:
        labels = _columns(name, labels)
        known = labels[:, 0] != UNLABELED
        if bool((labels[known].sum(dim=1) == 1).all()) and bool(known.any()):
            labels = torch.where(known, labels.argmax(dim=1), UNLABELED)
        else:
            return labels, None, f"{labels.size(1)} labels of which a node may have several"
    labels = class_labels(name, labels, num_nodes, from_zero=True)
    count = labels[labels != UNLABELED].unique().numel()
    return labels, classes, f"{count} class{'' if count == 1 else 'es'}{' named by texts' if classes else ''}"


def _texts(y: Any) -> bool:
    parts = y.tolist() if hasattr(y, "tolist") and not isinstance(y, Tensor) else y
    return isinstance(parts, (list, tuple)) and any(isinstance(part, str) for part in parts)


def _of_texts(y: Any) -> tuple[Tensor, list[str]]:
    parts = ["" if part is None else str(part) for part in (y.tolist() if hasattr(y, "tolist") else y)]
    classes = sorted(set(parts) - {""})
    number = {name: i for i, name in enumerate(classes)} | {"": UNLABELED}
    return torch.tensor([number[part] for part in parts]), classes


def _columns(name: str, labels: Tensor) -> Tensor:
    """Zeros and ones [n, c] as int64, rows with a missing entry as -1."""
    if not (labels.is_floating_point() or is_integer(labels) or labels.dtype == torch.bool):
        raise ValueError(f"'{name}' must hold numbers (got {describe(labels)})")
    missing = (labels.isnan() | (labels == UNLABELED)).any(dim=1, keepdim=True)
    labels = torch.where(missing, 0, labels.nan_to_num() if labels.is_floating_point() else labels)
    wrong = labels[(labels != 0) & (labels != 1)]
    if wrong.numel():
        raise ValueError(
            f"'{name}' must hold zeros and ones, a column for a label, where it has {labels.size(1)} columns "
            f"(got {wrong[0].item():g})"
        )
    return torch.where(missing, UNLABELED, labels.to(torch.int64))
