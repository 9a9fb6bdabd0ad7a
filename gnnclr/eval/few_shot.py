"""Few-shot classification: the nearest prototype of a few labeled rows."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from gnnclr.eval.labels import labeled_rows
from gnnclr.eval.prototype_tuning import PrototypeTuning
from gnnclr.eval.support_transport import SupportTransport
from gnnclr.ops.check import check_count, check_matrix, describe
from gnnclr.ops.mixed_seed import mixed_seed
from gnnclr.ops.unit_rows import unit_rows

#: The largest number of entries of an array over episodes that are evaluated at once.
BLOCK = 1 << 22

Transform = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class FewShotResult:
    """Accuracy over episodes.

    Args:
        accuracy (float): Mean accuracy over episodes, in [0, 1].
        interval (float): Half of the width of its 95 % confidence interval; NaN for one episode.
        episodes (int): Number of episodes.
    """

    accuracy: float
    interval: float
    episodes: int


@torch.no_grad()
def few_shot(
    x: Tensor,
    y: Tensor,
    *,
    ways: int = 5,
    shots: int = 1,
    queries: int = 15,
    episodes: int = 600,
    transport: SupportTransport | None = None,
    tuning: PrototypeTuning | None = None,
    transform: Transform | None = None,
    normalize: bool = True,
    seed: int = 0,
) -> FewShotResult:
    r"""Accuracy of the nearest prototype on random tasks of :math:`N` classes with :math:`K` labeled rows each, as in
    `"Prototypical Networks for Few-shot Learning" <https://arxiv.org/abs/1703.05175>`_.

    .. math:: \hat y(\mathbf{q}) = \operatorname*{argmin}_c \|\mathbf{q} - \mathbf{p}_c\|, \qquad
        \mathbf{p}_c = \frac{1}{K} \sum_{i \in \text{support}(c)} \mathbf{s}_i

    Both stages of OpT-Tune of `"Self-Attention Message Passing for Contrastive Few-Shot Learning"
    <https://arxiv.org/abs/2210.06339>`_ may come before: the support is carried to where the queries are
    (:class:`SupportTransport`), and prototypes are trained on it (:class:`PrototypeTuning`).

    Args:
        x (Tensor): Features of all rows; detached and read in float32 at least.
        y (Tensor): Integer labels. Rows whose label is missing (``-1``, or NaN) are in no episode, and counted in a
            printed line.
        ways (int, optional): Classes of an episode, :math:`N`. (default: ``5``)
        shots (int, optional): Labeled rows of a class, :math:`K`. (default: ``1``)
        queries (int, optional): Rows of a class to be classified. (default: ``15``)
        episodes (int, optional): Number of episodes. (default: ``600``)
        transport (SupportTransport, optional): Moves the support. (default: ``None``)
        tuning (PrototypeTuning, optional): Trains the prototypes. (default: ``None``)
        transform (callable, optional): Maps the features of support :math:`(b, NK, d)` and queries :math:`(b, NQ, d)`
            of :math:`b` episodes to new ones, for example :meth:`gnnclr.nn.SelfAttentionMessagePassing.adapt`.
            (default: ``None``)
        normalize (bool, optional): Divide rows by their norm, after the transform. (default: ``True``)
        seed (int, optional): Seed of the episodes; the global generator is left alone. (default: ``0``)

    Shapes:
        - **x:** :math:`(n, d)`; **y:** :math:`(n)`

    Raises:
        ValueError: If features are not finite, shapes do not fit, there are fewer classes than ``ways``, or a class has
            fewer rows than ``shots + queries``.
    """
    for name, part, kind in (("transport", transport, SupportTransport), ("tuning", tuning, PrototypeTuning)):
        if part is not None and not isinstance(part, kind):
            raise ValueError(f"'{name}' must be a {kind.__name__} (got {describe(part)})")
    x, y = labeled_rows("y", y, check_matrix("x", x, finite=True))
    y, x = y.cpu(), x.detach().to(torch.promote_types(x.dtype, torch.float32))
    check_count("episodes", episodes)
    generator = torch.Generator().manual_seed(mixed_seed(seed, 1))
    size = _class_sizes(y, ways, shots, queries)
    accuracies = []
    for rows in _episodes(y, size, ways, shots + queries, episodes, x.size(1), seed):
        rows = rows.to(x.device)
        support, query = x[rows[..., :shots]].flatten(1, 2), x[rows[..., shots:]].flatten(1, 2)
        if transform is not None:
            support, query = _transformed(transform, support, query)
        if normalize:
            support, query = unit_rows(support), unit_rows(query)
        if transport is not None:
            support = transport(support, query)
        support = support.unflatten(1, (ways, shots))
        if tuning is not None:
            scores = tuning.scores(support, query, generator)
        else:
            scores = -torch.cdist(query, support.mean(dim=2))
        accuracies.append(_accuracies(scores).cpu())
    accuracy = torch.cat(accuracies)
    interval = 1.96 * float(accuracy.std()) / math.sqrt(episodes) if episodes > 1 else math.nan
    return FewShotResult(float(accuracy.mean()), interval, episodes)


def _class_sizes(y: Tensor, ways: int, shots: int, queries: int) -> Tensor:
    """The number of rows of each class [C], which must be enough for an episode."""
    check_count("shots", shots)
    check_count("queries", queries)
    classes, size = torch.unique(y, return_counts=True)
    if check_count("ways", ways, least=2) > classes.numel():
        raise ValueError(f"'ways' must be an integer from 2 to the {classes.numel()} classes of 'y' (got {ways})")
    if int(size.min()) < shots + queries:
        poor, has = int(classes[size.argmin()]), int(size.min())
        raise ValueError(f"'y' must hold {shots} + {queries} rows of every class (got {has} of class {poor})")
    return size


def _accuracies(scores: Tensor) -> Tensor:
    """The share of queries whose highest score [b, ways * queries, ways] is that of their class [b]; queries are in
    the order of classes."""
    rows, ways = scores.shape[1:]
    truth = torch.arange(ways, device=scores.device).repeat_interleave(rows // ways)
    return (scores.argmax(dim=-1) == truth).double().mean(dim=-1)


def _episodes(y: Tensor, size: Tensor, ways: int, rows: int, episodes: int, d: int, seed: int) -> Iterator[Tensor]:
    """Rows of random episodes [b, ways, rows], without repeats, some episodes at a time."""
    generator = torch.Generator().manual_seed(seed)
    member, start, largest = torch.argsort(y, stable=True), size.cumsum(0) - size, int(size.max())
    most = max(1, BLOCK // (ways * max(largest, rows * d)))
    for b in (min(most, episodes - i) for i in range(0, episodes, most)):
        chosen = torch.rand(b, size.numel(), generator=generator).argsort(dim=1)[:, :ways]
        # The rows with the smallest of random numbers are a uniform draw without replacement.
        draw = torch.rand(b, ways, largest, generator=generator)
        draw.masked_fill_(torch.arange(largest) >= size[chosen].unsqueeze(-1), 2.0)
        yield member[start[chosen].unsqueeze(-1) + draw.topk(rows, dim=-1, largest=False).indices]


def _transformed(transform: Transform, support: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
    out = transform(support, query)
    if len(out) != 2 or any(new.shape[:-1] != old.shape[:-1] for new, old in zip(out, (support, query))):
        shapes = ", ".join(map(describe, out))
        raise ValueError(f"'transform' must return support and queries, one row for each that came in (got {shapes})")
    return out
