"""Checks of features, labels and splits, and the choice of rows that have a label."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from gnnclr.eval.split import Split
from gnnclr.eval.unit_scale import float32_features
from gnnclr.ops.check import check_matrix, describe
from gnnclr.ops.labels import UNLABELED, class_labels, has_label, is_multilabel
from gnnclr.ops.memo import TensorMemo
from gnnclr.ops.notice import notice_once

#: The lines printed about a tensor of labels: each is printed once, however many probes see the tensor.
_said = TensorMemo(lambda y: set())


def say_unlabeled(y: Tensor, known: Tensor, noun: str = "row", others: int = 0) -> int:
    """Says in one printed line how many rows have no label, once for a tensor, and returns how many have one.

    Args:
        y (Tensor): The labels as they were given.
        known (Tensor): Whether each row has a label [n].
        noun (str, optional): The word for a row. (default: ``"row"``)
        others (int, optional): How many without a label there are beside the rows. (default: ``0``)
    """
    count, said = int(known.sum()), _said(y)
    missing = known.numel() - count + others
    if missing and not said:
        said.add("unlabeled")
        have = f"{noun} has" if missing == 1 else f"{noun}s have"
        rest = f"({count} {'has' if count == 1 else 'have'} one)"
        notice_once(f"{missing} {have} no label: left out of splits and probes {rest}")
    return count


def labeled_rows(name: str, y: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """The rows of ``x`` that have a label, and their labels as int64; all of ``x`` as it is where none is missing.

    Args:
        name (str): Name of the labels, for messages.
        y (Tensor): Labels [n], ``-1`` or NaN where a row has none.
        x (Tensor): Values with a row for each [n, ...].

    Raises:
        ValueError: If labels are no classes, see :func:`~gnnclr.ops.labels.class_labels`, or all are missing.
    """
    labels = class_labels(name, y, x.size(0)).to(x.device)
    known = labels != UNLABELED
    count = say_unlabeled(y, known)
    if count == labels.numel():
        return x, labels
    if count == 0:
        raise ValueError(f"'{name}' must have a label for some rows (got none for {labels.numel()} rows)")
    return x[known], labels[known]


def probed_split(y: Tensor, split: Callable[[], Split], noun: str, others: int = 0) -> Split | None:
    """The part of a split that probes see; ``None`` where there is nothing to probe. Says in printed lines what
    is left out and why.

    Args:
        y (Tensor): Labels [n], of :func:`~gnnclr.ops.labels.class_labels`; or zeros and ones [n, c].
        split (callable): Makes the split of all rows, once it is known that some are to be probed.
        noun (str): The word for a row, ``"node"`` or ``"image"``.
        others (int, optional): How many without a label there are beside the rows. (default: ``0``)

    Raises:
        ValueError: If a part of the split has no labeled row.
    """
    if is_multilabel(y):
        return _probed_multilabel_split(y, split, noun, others)
    classes = y[y != UNLABELED].unique()
    if classes.numel() == 0:
        notice_once(f"no {noun} has a label: nothing is probed")
        return None
    if classes.numel() == 1:
        notice_once(f"all labels are of class {int(classes)}: nothing is probed")
        return None
    say_unlabeled(y, y != UNLABELED, noun, others)
    found = split().labeled(y, "data.y" if noun == "node" else "labels")
    _check_val(found, noun)
    learned, tested = (y[getattr(found, part)].unique() for part in ("train", "test"))
    unseen = tested[~torch.isin(tested, learned)]
    if unseen.numel():
        count = int(torch.isin(y[found.test], unseen).sum())
        which = ", ".join(map(str, unseen[:10].tolist())) + (", ..." if unseen.numel() > 10 else "")
        notice_once(f"no training {noun} is of class {which}: the {count} of the test count as wrong")
    return found


def _check_val(split: Split, noun: str) -> None:
    if split.val.numel() == 0:
        name = "data.val_mask" if noun == "node" else "val"
        raise ValueError(f"'{name}' must hold a labeled {noun}, by which probes choose their settings (got none)")


def _probed_multilabel_split(y: Tensor, split: Callable[[], Split], noun: str, others: int) -> Split | None:
    known = has_label("data.y", y)
    labels = y[known]
    if labels.numel() == 0 or bool((labels == labels[0]).all()):
        reason = f"all {noun}s have the same labels" if labels.numel() else f"no {noun} has a label"
        notice_once(f"{reason}: nothing is probed")
        return None
    say_unlabeled(y, known, noun, others)
    found = split().labeled(y, "data.y")
    _check_val(found, noun)
    return found


def check_features_and_labels(x: Tensor, y: Tensor, split: Split) -> tuple[Tensor, Tensor, Split]:
    """Returns the features as float32 and the labels as int64, detached and on the CPU, and the split without the rows
    that have no label.

    Raises:
        ValueError: If ``x`` is no finite matrix, ``y`` has no class or ``-1`` for each row, ``split`` has rows out of
            range, or no training or test row has a label.
    """
    x = x.to_dense() if isinstance(x, Tensor) else x  # bags of words may be sparse
    check_matrix("x", x, finite=True)
    labels = class_labels("y", y, x.size(0)).cpu()
    split = check_split(split, labels)
    say_unlabeled(y, labels != UNLABELED)
    return float32_features(x), labels, split


def check_split(split: Any, labels: Tensor) -> Split:
    """Returns the split without the rows that have no label, and raises a :class:`ValueError` if it is none, or one of
    other rows.

    Args:
        split: The value to check.
        labels (Tensor): Labels [n], or zeros and ones [n, c].
    """
    if not isinstance(split, Split):
        raise ValueError(f"'split' must be a Split (got {describe(split)})")
    return split.check(labels.size(0)).labeled(labels)


def check_grid(name: str, values: Any) -> Sequence[Any]:
    """Returns ``values`` if it is a sequence of settings to choose from, and raises a :class:`ValueError` otherwise."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise ValueError(f"'{name}' must be a sequence (got {describe(values)})")
    if len(values) == 0:
        raise ValueError(f"'{name}' must not be empty (got {values!r})")
    return values


def check_can_choose(split: Split, settings: int) -> None:
    """Raises a :class:`ValueError` if there are several settings and no validation row to choose by."""
    if settings > 1 and split.val.numel() == 0:
        raise ValueError(f"'split' must have validation rows to choose between {settings} settings (got {split})")
