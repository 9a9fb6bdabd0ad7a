"""Retrieval: whether the rows that are nearest to a query are of its class."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gnnclr.eval.labels import check_features_and_labels, check_grid
from gnnclr.eval.split import Split
from gnnclr.ops.check import check_count
from gnnclr.ops.unit_rows import unit_rows


@dataclass(frozen=True)
class RetrievalResult:
    """How well rows of a query's class are found.

    Args:
        mean_average_precision (float): The mean over queries of the average precision, in [0, 1].
        recall (dict): By number of neighbors, the share of queries with a row of their class among these.
    """

    mean_average_precision: float
    recall: dict[int, float]


def retrieval(
    x: Tensor, y: Tensor, split: Split, *, k: Sequence[int] = (1, 5, 10), block: int = 1 << 22
) -> RetrievalResult:
    r"""Ranks the training rows by cosine similarity to each test row, and measures where those of its class are.

    .. math:: \mathrm{mAP} = \frac{1}{|\text{test}|} \sum_q \frac{1}{R_q} \sum_{r \,:\, y_r = y_q}
        \frac{\text{rows of the class of } q \text{ in the first } \mathrm{rank}(r)}{\mathrm{rank}(r)}, \qquad
        \text{recall@}k = \frac{|\{q : y_q \in y_{\mathcal{N}_k(q)}\}|}{|\text{test}|}

    Nothing is chosen: validation rows are not used. A test row whose class no training row has counts as zero. Queries
    are taken block by block.

    Args:
        x (Tensor): Features of all rows.
        y (Tensor): Integer labels. Rows whose label is missing (``-1``, or NaN) are left out, and counted in a printed
            line.
        split (Split): Test rows are queries, training rows are searched.
        k (sequence of int, optional): Numbers of neighbors. (default: ``(1, 5, 10)``)
        block (int, optional): Most similarities held at a time. (default: ``4194304``)

    Shapes:
        - **x:** :math:`(n, d)`; **y:** :math:`(n)`

    Raises:
        ValueError: If features are not finite, shapes do not fit, or ``k`` is empty.
    """
    features, labels, split = check_features_and_labels(x, y, split)
    for size in check_grid("k", k):
        check_count("k", size)
    check_count("block", block)
    features = unit_rows(features)
    bank, bank_labels = features[split.train], labels[split.train]
    rank = torch.arange(1, len(bank) + 1, dtype=torch.float64)
    precision, found = 0.0, dict.fromkeys(k, 0)
    for rows in split.test.split(max(1, block // len(bank))):
        order = (features[rows] @ bank.t()).argsort(dim=1, descending=True, stable=True)
        hit = bank_labels[order] == labels[rows].unsqueeze(1)
        average = (hit.cumsum(dim=1) / rank * hit).sum(dim=1) / hit.sum(dim=1).clamp(min=1)
        precision += float(average.sum())
        for size in k:
            found[size] += int(hit[:, :size].any(dim=1).sum())
    count = len(split.test)
    return RetrievalResult(precision / count, {size: hits / count for size, hits in found.items()})
