"""Probes that know a share of the labels."""

from collections.abc import Callable

import torch
from torch import Tensor

from gnnclr.eval.linear_probe import linear_probe
from gnnclr.eval.result import ProbeResult
from gnnclr.eval.split import Split
from gnnclr.ops.check import check_count, check_number, check_seed
from gnnclr.ops.labels import class_labels


def few_labels(
    x: Tensor,
    y: Tensor,
    split: Split,
    share: float = 0.01,
    *,
    draws: int = 5,
    seed: int = 0,
    probe: Callable[[Tensor, Tensor, Split], ProbeResult] = linear_probe,
) -> list[ProbeResult]:
    """A probe that knows the labels of a share of the rows, drawn several times, each class alike.

    The share is of training rows and of validation rows, at least one of each class that is there: what chooses the
    settings has as few labels as what is fitted. The test rows are all of them.

    Args:
        x (Tensor): Features of all rows [n, d].
        y (Tensor): Integer labels [n], ``-1`` or NaN where one is missing.
        split (Split): The rows to draw from and to test on.
        share (float, optional): The share of rows with a label, above 0 and at most 1. (default: ``0.01``)
        draws (int, optional): How many times rows are drawn. (default: ``5``)
        seed (int, optional): The seed of the draws; the global generator is left alone. (default: ``0``)
        probe (callable, optional): The probe. (default: :func:`linear_probe`)

    Returns:
        list[ProbeResult]: A result for each draw.
    """
    check_number("share", share, above=0, most=1)
    check_count("draws", draws)
    generator = torch.Generator().manual_seed(check_seed("seed", seed))
    labels = class_labels("y", y, len(x)).cpu()
    split = split.labeled(labels)

    def drawn(rows: Tensor) -> Tensor:
        kept = []
        for label in labels[rows].unique():
            of_class = rows[labels[rows] == label]
            count = max(1, round(share * len(of_class)))
            kept.append(of_class[torch.randperm(len(of_class), generator=generator)[:count]])
        return torch.cat(kept) if kept else rows

    return [probe(x, y, Split(drawn(split.train), drawn(split.val), split.test)) for _ in range(draws)]
