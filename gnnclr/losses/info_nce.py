"""InfoNCE: queries against keys."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from gnnclr.graph import ContrastGraph, FeatureBank, Negatives
from gnnclr.graph.augmentation_graph import sample_weights
from gnnclr.graph.shared_structure import shared_structure
from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.losses.key_memory import KeyMemory, key_memory
from gnnclr.losses.loss_call import called_like
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import ContrastiveConv
from gnnclr.ops.check import check_finite, check_matrix, describe


class InfoNCELoss(GraphLoss):
    r"""InfoNCE of `"Representation Learning with Contrastive Predictive Coding" <https://arxiv.org/abs/1807.03748>`_:
    each query finds its key.

    .. math::
        \mathcal{L} = \operatorname{mean}_{i} -\log \frac{e^{\mathbf{q}_i^\top \mathbf{k}_i / \tau}}
        {e^{\mathbf{q}_i^\top \mathbf{k}_i / \tau} + \sum_{j} e^{\mathbf{q}_i^\top \mathbf{n}_j / \tau}}

    The negatives :math:`\mathbf{n}_j` are the keys of the other queries, unless others are given. With
    ``in_batch=True`` they are both, and negatives of one query are those of all: the loss of retrieval with hard
    negatives, as of `dense passage retrieval <https://arxiv.org/abs/2004.04906>`_ and of
    ``MultipleNegativesRankingLoss`` in sentence-transformers, whose ``scale`` is :math:`1 / \tau`.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`; learnable if it is a
            parameter. (default: ``0.1``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)
        memory_bank_size (int or tuple, optional): The number of earlier keys that the loss remembers and that repel,
            or that and their width, see :class:`~gnnclr.losses.NTXentLoss`. (default: ``0``, none)
        reduction (str, optional): The ``"mean"`` over anchors, their ``"sum"``, or ``"none"``, the loss of each, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``"mean"``)

    Shapes:
        - **input:** queries :math:`(n, d)`, keys :math:`(n, d)`; optional negatives in place of the other keys, or with
          ``in_batch=True`` beside them: shared by all queries :math:`(m, d)`, of each query its own
          :math:`(n, m, d)`, also as a list of matrices :math:`(n, d)`, or a :class:`~gnnclr.graph.FeatureBank`; or
          stacked nodes and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar, or with ``reduction="none"`` the loss of each anchor
    """

    card: ObjectiveCard = ObjectiveCard(
        formula="mean_i -log e^(q_i·k_i/τ) / (e^(q_i·k_i/τ) + Σ_j e^(q_i·n_j/τ))",
        kernel="dot product",
        link="log-sum-exp, positive inside",
        pairs="queries against other keys, given negatives or a bank",
        weights="one",
        paper="CPC, https://arxiv.org/abs/1807.03748",
    )

    max_views: int = 2
    pairing: str = "keys"

    def __init__(
        self,
        temperature: float | nn.Parameter = 0.1,
        gather_distributed: bool = False,
        impl: str = "auto",
        memory_bank_size: int | tuple[int, int] = 0,
        reduction: str = "mean",
    ):
        super().__init__(ContrastiveConv(temperature, denominator="pair", impl=impl), gather_distributed, reduction)
        self.memory: KeyMemory | None = key_memory(memory_bank_size)

    def graph(
        self,
        query: Tensor,
        key: Tensor,
        negatives: Tensor | Sequence[Tensor] | FeatureBank | None = None,
        in_batch: bool = False,
        *,
        weight: Tensor | None = None,
    ) -> ContrastGraph:
        """The bipartite graph of a batch: queries are anchors, each attracted by its key."""
        n, d = query.shape
        check_matrix("key", key, rows=n, cols=d)
        negatives = _one_tensor(negatives)
        self.check_input("in_batch", in_batch, n, d)
        nodes, bank, negative_index, views = [query, key], None, None, {1} if negatives is None or in_batch else set()
        if isinstance(negatives, FeatureBank):
            bank = negatives.features.to(query.device)
        elif negatives is not None:
            self.check_input("negatives", negatives, n, d)
            assert isinstance(negatives, Tensor)
            nodes.append(check_finite("negatives", negatives.reshape(-1, d)))
            views.add(2)
            if negatives.dim() == 3 and not in_batch:
                target = torch.arange(n, device=query.device).repeat_interleave(negatives.size(1))
                negative_index = torch.stack([torch.arange(target.numel(), device=target.device) + 2 * n, target])
        if n and negatives is not None and not in_batch and not (nodes[-1] if bank is None else bank).size(0):
            raise ValueError(_NO_ROWS.format(got=describe(negatives)))
        if self.memory is not None and (bank is not None or negative_index is not None):
            raise ValueError(f"'negatives' must be {_WITH_MEMORY} (got {describe(negatives)})")
        others = sum(map(len, nodes[2:]))
        edge_index, sample, view, anchor = _structure(n, others, query.device)
        if weight is not None:
            weight = pad(sample_weights(weight, n, query.device), (0, n + others))
        return ContrastGraph(
            x=torch.cat(nodes),
            edge_index=edge_index,
            sample=sample,
            view=view,
            anchor=anchor,
            anchor_weight=weight,
            negatives=Negatives(candidates=tuple(sorted(views))),
            negative_index=negative_index,
            bank=bank,
            check=bank is not None,  # the rest is right by construction
        )

    def queries(self, num_views: int, inputs: tuple[str, ...]) -> range:
        """See :meth:`GraphLoss.queries`: the first view."""
        return range(1)

    @called_like(graph)
    def forward(
        self,
        query: Tensor | None = None,
        key: Tensor | ContrastGraph | None = None,
        negatives: Tensor | Sequence[Tensor] | FeatureBank | None = None,
        *more: Any,
        **inputs: Any,
    ) -> Tensor:
        """The loss of queries and keys, or of ``(x, graph)``; anything more is refused."""
        if negatives is not None:
            inputs["negatives"] = negatives
        args = [query, key, *more]
        while args and args[-1] is None:  # not given
            args.pop()
        return super().forward(*args, **inputs)

    def check_input(self, name: str, value: Any, n: int, d: int) -> None:
        """See :meth:`GraphLoss.check_input`."""
        if name == "in_batch":
            if not isinstance(value, bool):
                raise ValueError(f"'in_batch' must be True or False (got {describe(value)})")
        elif name == "weight":
            super().check_input(name, value, n, d)
        elif isinstance(value, Tensor):
            _check_rows(value, n, d)
        elif not isinstance(value, FeatureBank) or value.dim != d:
            raise ValueError(f"'negatives' must be a tensor or a FeatureBank of width {d} (got {describe(value)})")

    def check_inputs(self, inputs: dict[str, Any], n: int, d: int) -> dict[str, Any]:
        """See :meth:`GraphLoss.check_inputs`: each process has a bank of its own, which must have keys."""
        inputs = super().check_inputs(inputs, n, d)
        bank = inputs.get("negatives")
        if isinstance(bank, FeatureBank):
            if not inputs.get("in_batch") and not bank.features.size(0):
                raise ValueError(_NO_ROWS.format(got=describe(bank)))
            check_finite("bank", bank.features)
        return inputs

    def inputs_of(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """See :meth:`GraphLoss.inputs_of`: negatives are one tensor."""
        inputs = super().inputs_of(kwargs)
        return inputs | {name: _one_tensor(value) for name, value in inputs.items() if name == "negatives"}


_NO_ROWS = (
    "'negatives' must have rows: write keys into a bank before the first step (bank.update), or say in_batch=True, so "
    "that the other keys repel too (got {got})"
)
_WITH_MEMORY = "a tensor, shared by all queries or with in_batch=True, for a loss that remembers keys"


def _check_rows(negatives: Tensor, n: int, d: int) -> None:
    paired = negatives.dim() == 3 and negatives.size(0) == n and negatives.size(2) == d
    if not paired and not (negatives.dim() == 2 and negatives.size(1) == d):
        raise ValueError(f"'negatives' must have shape [m, {d}] or [{n}, m, {d}] (got {describe(negatives)})")
    check_matrix("negatives", negatives.reshape(-1, d))


def _one_tensor(negatives: Any) -> Any:
    """Negatives of each query [n, m, d], of a list of matrices with one for each query; others as they are."""
    if not isinstance(negatives, (list, tuple)) or not negatives:
        return negatives
    first = check_matrix("negatives[0]", negatives[0])
    for i, part in enumerate(negatives):
        check_matrix(f"negatives[{i}]", part, rows=first.size(0), cols=first.size(1))
    return torch.stack(list(negatives), dim=1)


@shared_structure
def _structure(n: int, negatives: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Positives, samples, views and anchors of ``n`` queries, their keys and further negatives."""
    index, more = torch.arange(n, device=device), torch.arange(n, n + negatives, device=device)
    view = torch.cat([torch.full_like(part, i) for i, part in enumerate((index, index, more))])
    return torch.stack([index + n, index]), torch.cat([index, index, more]), view, view == 0
