"""Labels of classes, and their missing values."""

from typing import Any

import torch
from torch import Tensor

from gnnclr.ops.check import describe

#: Stands where a node or an image has no label.
UNLABELED = -1


def class_labels(name: str, y: Any, size: int | str = "n", *, from_zero: bool = False) -> Tensor:
    """The class of each row as int64 [n], and ``-1`` where a row has none.

    A class is a whole number in any type of number, neither small nor consecutive of need. A label is missing where it
    is ``-1`` or NaN.

    Args:
        name (str): Name of the argument, for messages.
        y (Tensor): Labels [n], or [n, 1] as some data sets have them; integers of any size, booleans, floats that are
            whole. A list of numbers or an array of numpy becomes a tensor.
        size (int or str, optional): The number of rows; a string stands for any. (default: ``"n"``)
        from_zero (bool, optional): Whether to refuse negative numbers other than ``-1``, by which data sets may say
            that a label is missing, or something else. (default: ``False``)

    Raises:
        ValueError: If ``y`` is no tensor of one number for each row, or holds a fraction, an infinite number, or one so
            large that its type of floats does not tell it from the next.
    """
    given, y = y, as_tensor(y)
    fits = isinstance(y, Tensor) and y.layout == torch.strided and not (y.is_complex() or y.is_meta or y.is_nested)
    labels = y.detach().squeeze(1) if fits and y.dim() == 2 and y.size(1) == 1 else y
    if not fits or labels.dim() != 1 or (isinstance(size, int) and labels.numel() != size):
        raise ValueError(f"'{name}' must be an integer tensor of shape [{size}] (got {describe(given)})")
    labels = labels.detach()
    if labels.is_floating_point():
        labels = torch.where(labels.isnan(), UNLABELED, labels)
        _refuse(name, labels, (labels != labels.floor()) | labels.isinf(), "whole numbers")
        # From there on neighboring whole numbers are one in the type: classes may have become one already.
        most = 2 / torch.finfo(labels.dtype).eps
        _refuse(name, labels, labels.abs() >= most, f"whole numbers below {most:.0f} in {labels.dtype}")
    labels = labels.to(torch.int64)
    if from_zero:
        _refuse(name, labels, labels < UNLABELED, "classes 0, 1, 2, ...")
    return labels


def has_label(name: str, y: Any, size: int | str = "n", *, from_zero: bool = False) -> Tensor:
    """Whether each row has a label [n].

    Args:
        name (str): Name of the labels, for messages.
        y (Tensor): Labels [n] as :func:`class_labels` takes them, or zeros and ones [n, c] for several labels of a row,
            ``-1`` in a row without.
        size (int or str, optional): The number of rows; a string stands for any. (default: ``"n"``)
        from_zero (bool, optional): See :func:`class_labels`. (default: ``False``)

    Raises:
        ValueError: If they are no labels.
    """
    if is_multilabel(y) and size in (y.size(0), str(size)):
        return (y != UNLABELED).all(dim=1)
    return class_labels(name, y, size, from_zero=from_zero) != UNLABELED


def is_multilabel(y: Any) -> bool:
    """Whether labels are zeros and ones [n, c], a column for each label, ``-1`` in rows without."""
    fits = isinstance(y, Tensor) and y.dim() == 2 and y.size(1) > 1 and y.dtype == torch.int64
    return fits and bool(((y >= UNLABELED) & (y <= 1)).all())


def as_tensor(y: Any) -> Any:
    """A tensor of a list of numbers or of an array; anything else as it is."""
    if isinstance(y, Tensor) or not (isinstance(y, (list, tuple)) or hasattr(y, "__array__")):
        return y
    try:
        return torch.as_tensor(y)
    except (TypeError, ValueError, RuntimeError):  # no numbers, or rows of several lengths
        return y


def _refuse(name: str, labels: Tensor, wrong: Tensor, expected: str) -> None:
    if bool(wrong.any()):
        got = labels[wrong][0].item()
        raise ValueError(f"'{name}' must hold {expected}, and -1 or NaN where a label is missing (got {got})")
