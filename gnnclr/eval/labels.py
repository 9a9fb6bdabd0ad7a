"""Checks that features, labels and a split belong together."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gnnclr.eval.split import Split
from gnnclr.ops.check import check_matrix, describe


def check_features_and_labels(x: Tensor, y: Tensor, split: Split) -> tuple[Tensor, Tensor]:
    """Returns the features as float32 and the labels as int64, detached and on the CPU.

    Raises:
        ValueError: If ``x`` is no finite matrix, ``y`` no vector of as many integers, or ``split`` has rows out of
            range.
    """
    x = x.to_dense() if isinstance(x, Tensor) else x  # bags of words may be sparse
    check_matrix("x", x, finite=True)
    if not isinstance(y, Tensor) or y.dim() != 1 or y.is_floating_point() or y.numel() != x.size(0):
        raise ValueError(f"'y' must be an integer tensor of shape [{x.size(0)}] (got {describe(y)})")
    if not isinstance(split, Split):
        raise ValueError(f"'split' must be a Split (got {describe(split)})")
    split.check(x.size(0))
    return x.detach().to("cpu", torch.float32), y.detach().to("cpu", torch.int64)


def check_grid(name: str, values: Any) -> Sequence:
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
