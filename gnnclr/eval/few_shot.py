"""Few-shot classification: the nearest prototype of a few labeled rows."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from gnnclr.eval.labels import labeled_rows
from gnnclr.ops.check import check_count, check_matrix, check_positive, describe
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
    transport: bool = False,
    reg: float = 0.05,
    tol: float = 1e-4,
    max_iter: int = 1000,
    tune_epochs: int = 0,
    tune_lr: float = 1e-3,
    transform: Transform | None = None,
    normalize: bool = True,
    seed: int = 0,
) -> FewShotResult:
    r"""Accuracy of the nearest prototype on random tasks of :math:`N` classes with :math:`K` labeled rows each, as in
    `"Prototypical Networks for Few-shot Learning" <https://arxiv.org/abs/1703.05175>`_.

    .. math:: \hat y(\mathbf{q}) = \operatorname*{argmin}_c \|\mathbf{q} - \mathbf{p}_c\|, \qquad
        \mathbf{p}_c = \frac{1}{K} \sum_{i \in \text{support}(c)} \mathbf{s}_i

    With ``transport`` the support is first carried to where the queries are, as in the first stage of OpT-Tune of
    `"Self-Attention Message Passing for Contrastive Few-Shot Learning" <https://arxiv.org/abs/2210.06339>`_:
    :math:`\mathbf{s}_i \leftarrow \sum_j \Pi_{ij} \mathbf{q}_j / \sum_j \Pi_{ij}` with the entropic
    :func:`transport_plan` :math:`\Pi` of squared distances. It assumes that classes are equally frequent among the
    queries, which holds here.

    With ``tune_epochs`` the prototypes are then trained on the support, as in its second stage: they begin as the
    linear classifier :math:`\mathbf{q}^\top 2 \mathbf{p}_c - \|\mathbf{p}_c\|^2`, which chooses the nearest prototype,
    and follow the cross-entropy of the support, in random batches of :math:`N` rows, by Adam; the authors take 15
    epochs. Their encoder may move as well; here features are what they are.

    Args:
        x (Tensor): Features of all rows; detached and read in float32 at least.
        y (Tensor): Integer labels. Rows whose label is missing (``-1``, or NaN) are in no episode, and counted in a
            printed line.
        ways (int, optional): Classes of an episode, :math:`N`. (default: ``5``)
        shots (int, optional): Labeled rows of a class, :math:`K`. (default: ``1``)
        queries (int, optional): Rows of a class to be classified. (default: ``15``)
        episodes (int, optional): Number of episodes. (default: ``600``)
        transport (bool, optional): Whether the support is moved by optimal transport. (default: ``False``)
        reg (float, optional): See :func:`transport_plan`. (default: ``0.05``)
        tol (float, optional): See :func:`transport_plan`. (default: ``1e-4``)
        max_iter (int, optional): See :func:`transport_plan`. (default: ``1000``)
        tune_epochs (int, optional): Epochs of training of the prototypes. (default: ``0``)
        tune_lr (float, optional): Its learning rate. (default: ``1e-3``)
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
    x, y = labeled_rows("y", y, check_matrix("x", x, finite=True))
    y, x = y.cpu(), x.detach().to(torch.promote_types(x.dtype, torch.float32))
    check_count("episodes", episodes)
    check_count("tune_epochs", tune_epochs, least=0)
    check_positive("tune_lr", tune_lr)
    tuning = torch.Generator().manual_seed(mixed_seed(seed, 1))
    size = _class_sizes(y, ways, shots, queries)
    accuracies = []
    for rows in _episodes(y, size, ways, shots + queries, episodes, x.size(1), seed):
        rows = rows.to(x.device)
        support, query = x[rows[..., :shots]].flatten(1, 2), x[rows[..., shots:]].flatten(1, 2)
        if transform is not None:
            support, query = _transformed(transform, support, query)
        if normalize:
            support, query = unit_rows(support), unit_rows(query)
        if transport:
            plan = transport_plan(torch.cdist(support, query).square(), reg, tol, max_iter)
            support = plan @ query / plan.sum(dim=-1, keepdim=True)
        support = support.unflatten(1, (ways, shots))
        if tune_epochs:
            scores = _tuned_scores(support, query, tune_epochs, tune_lr, tuning)
        else:
            scores = -torch.cdist(query, support.mean(dim=2))
        accuracies.append(_accuracies(scores).cpu())
    accuracy = torch.cat(accuracies)
    interval = 1.96 * float(accuracy.std()) / math.sqrt(episodes) if episodes > 1 else math.nan
    return FewShotResult(float(accuracy.mean()), interval, episodes)


def transport_plan(cost: Tensor, reg: float = 0.05, tol: float = 1e-4, max_iter: int = 1000) -> Tensor:
    r"""The entropic optimal transport between uniform weights on rows and on columns, by Sinkhorn's iteration on
    logarithms: `"Sinkhorn Distances: Lightspeed Computation of Optimal Transport" <https://arxiv.org/abs/1306.0895>`_.
    Written out here, for many problems at once, as no dependency has it.

    .. math::
        \min_{\Pi \ge 0} \sum_{ij} \Pi_{ij} C_{ij} + \varepsilon C_{\max} \sum_{ij} \Pi_{ij} \log \Pi_{ij}
        \quad \text{with} \quad \sum_j \Pi_{ij} = \tfrac{1}{n}, \; \sum_i \Pi_{ij} = \tfrac{1}{m}

    Args:
        cost (Tensor): Costs :math:`C \ge 0` of one or more problems.
        reg (float, optional): The regularization :math:`\varepsilon`, in units of a problem's largest cost.
            (default: ``0.05``)
        tol (float, optional): The iteration ends when row sums are off by less than that, in total. Column sums are
            exact. (default: ``1e-4``)
        max_iter (int, optional): Most iterations. (default: ``1000``)

    Shapes:
        - **input:** costs :math:`(*, n, m)`
        - **output:** plans :math:`(*, n, m)`
    """
    if not isinstance(cost, Tensor) or not cost.is_floating_point() or cost.dim() < 2 or 0 in cost.shape:
        raise ValueError(
            f"'cost' must be a non-empty floating point tensor of shape [..., n, m] (got {describe(cost)})"
        )
    check_positive("reg", reg)
    check_positive("tol", tol)
    check_count("max_iter", max_iter)
    n, m = cost.shape[-2:]
    peak = cost.amax(dim=(-2, -1), keepdim=True)
    logit = cost / -(reg * peak.clamp(min=torch.finfo(cost.dtype).tiny))
    row, column = logit.new_zeros((*cost.shape[:-1], 1)), logit.new_zeros((*cost.shape[:-2], 1, m))
    for step in range(max_iter + 1):
        total = (logit + column).logsumexp(dim=-1, keepdim=True)
        off = ((row + total).exp() - 1 / n).abs().sum(dim=(-2, -1))
        if step == max_iter or (step and float(off.max()) < tol):
            break
        row = -math.log(n) - total
        column = -math.log(m) - (logit + row).logsumexp(dim=-2, keepdim=True)
    return (logit + row + column).exp()


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


def _tuned_scores(support: Tensor, query: Tensor, epochs: int, lr: float, generator: torch.Generator) -> Tensor:
    """Scores of queries [b, ways * queries, d] by linear classifiers, one for each episode, that begin as the
    prototypes of the support [b, ways, shots, d] and are trained on it."""
    b, ways, shots, _ = support.shape
    prototype = support.mean(dim=2)
    weight, bias = 2 * prototype, -prototype.square().sum(dim=-1)
    optimizer = torch.optim.Adam([weight, bias], lr=lr)
    rows = support.flatten(1, 2)
    label = torch.arange(ways, device=rows.device).repeat_interleave(shots)
    for _ in range(epochs):
        order = torch.rand(b, ways * shots, generator=generator).argsort(dim=1).to(rows.device)
        for index in order.split(ways, dim=1):
            x = rows.gather(1, index.unsqueeze(-1).expand(-1, -1, rows.size(-1)))
            error = (x @ weight.mT + bias.unsqueeze(1)).softmax(dim=-1)
            error -= torch.nn.functional.one_hot(label[index], ways)
            error /= index.size(1)  # the gradient of the mean cross-entropy by the scores
            weight.grad, bias.grad = error.mT @ x, error.sum(dim=1)
            optimizer.step()
    return query @ weight.mT + bias.unsqueeze(1)


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
