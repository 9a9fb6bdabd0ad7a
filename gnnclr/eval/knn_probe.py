"""kNN probe: the nearest training rows vote."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gnnclr.eval.labels import check_can_choose, check_features_and_labels, check_grid
from gnnclr.eval.result import ProbeResult
from gnnclr.eval.split import Split
from gnnclr.ops.check import check_choice, check_count, check_positive
from gnnclr.ops.unit_rows import unit_rows

VOTES = ("similarity", "uniform")


def knn_probe(
    x: Tensor,
    y: Tensor,
    split: Split,
    *,
    k: Sequence[int] = (1, 5, 10, 20, 50, 100, 200),
    votes: Sequence[str] = VOTES,
    temperature: float = 0.1,
    block: int = 1 << 22,
) -> ProbeResult:
    r"""Accuracy of a vote among the :math:`k` nearest training rows by cosine similarity, from `"Unsupervised Feature
    Learning via Non-Parametric Instance Discrimination" <https://arxiv.org/abs/1805.01978>`_.

    .. math:: \hat y_i = \operatorname*{argmax}_c \sum_{j \in \mathcal{N}_k(i)} \mathbb{1}[y_j = c]\; w_{ij}, \qquad
        w_{ij} = e^{\cos(\mathbf{x}_i, \mathbf{x}_j) / \tau} \text{ or } 1

    :math:`k` and the weights are the ones with the best accuracy on the validation rows (on a tie the first); the test
    rows are looked at once, with those. Similarities are computed block by block, so memory grows with n, not with n².

    Args:
        x (Tensor): Features of all rows; a zero row has similarity 0 to all.
        y (Tensor): Integer labels. Rows whose label is missing (``-1``, or NaN) are left out of all parts of the
            split, and counted in a printed line. A test row of a class that no training row has counts as wrong.
        split (Split): The rows that vote, to choose by and to test on.
        k (sequence of int, optional): The grid; values above the number of training rows become that number.
            (default: ``(1, 5, 10, 20, 50, 100, 200)``)
        votes (sequence of str, optional): Any of ``"similarity"`` and ``"uniform"``. (default: both)
        temperature (float, optional): The temperature :math:`\tau` of the similarity weights. (default: ``0.1``)
        block (int, optional): Most similarities held at a time. (default: ``4194304``)

    Shapes:
        - **x:** :math:`(n, d)`; **y:** :math:`(n)`

    Raises:
        ValueError: If features are not finite, shapes do not fit, the split has rows out of range or no labeled row
            to train or to test on, a grid is empty, or there is more than one setting and no validation row to choose
            by.
    """
    features, labels, split = check_features_and_labels(x, y, split)
    for vote in check_grid("votes", votes):
        check_choice("votes", vote, VOTES)
    for size in check_grid("k", k):
        check_count("k", size)
    check_positive("temperature", temperature)
    check_count("block", block)
    features = unit_rows(features)
    ks = sorted({min(v, split.train.numel()) for v in k})
    check_can_choose(split, len(ks) * len(votes))
    # Class ids need not be small or consecutive, so the votes are counted over their ranks.
    classes, rank = torch.unique(labels, return_inverse=True)

    def predicted(rows: Tensor, settings: list[tuple[int, str]]) -> Tensor:
        """The ranks of classes that each setting gives to rows."""
        found = torch.empty(len(settings), rows.numel(), dtype=torch.int64)
        most, start = max(s[0] for s in settings), 0
        bank = features[split.train]
        for chunk in rows.split(max(1, block // bank.size(0))):
            similarity, neighbor = (features[chunk] @ bank.t()).topk(most, dim=1)
            neighbor = rank[split.train][neighbor]
            # Relative to the nearest row, so that a low temperature cannot overflow.
            weight = ((similarity - similarity[:, :1]) / temperature).exp()
            for i, (size, vote) in enumerate(settings):
                w = weight[:, :size] if vote == "similarity" else torch.ones_like(weight[:, :size])
                score = torch.zeros(chunk.numel(), classes.numel()).scatter_add_(1, neighbor[:, :size], w)
                found[i, start : start + chunk.numel()] = score.argmax(dim=1)
            start += chunk.numel()
        return found

    settings = [(size, vote) for size in ks for vote in votes]
    if split.val.numel():
        hits = (predicted(split.val, settings) == rank[split.val]).sum(dim=1)
        # torch.argmax does not promise the first of equal maxima.
        best = next(i for i, h in enumerate(hits) if h == hits.max())
        val = int(hits[best]) / split.val.numel()
    else:
        best, val = 0, math.nan
    of_test = predicted(split.test, [settings[best]])[0]
    test = int((of_test == rank[split.test]).sum()) / split.test.numel()
    chosen = {"k": settings[best][0], "votes": settings[best][1]}
    return ProbeResult(test=test, val=val, settings=chosen, predicted=classes[of_test])
