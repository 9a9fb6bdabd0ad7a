"""InfoNCE: queries against keys."""

from typing import Any

import torch
from torch import Tensor, nn

from gnnclr.graph import ContrastGraph, FeatureBank, Negatives
from gnnclr.graph.shared_structure import shared_structure
from gnnclr.losses.graph_loss import GraphLoss
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

    The negatives :math:`\mathbf{n}_j` are the keys of the other queries, unless others are given.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`; learnable if it is a
            parameter. (default: ``0.1``)
        gather_distributed (bool, optional): Contrast with the samples of all processes, see
            :class:`~gnnclr.losses.GraphLoss`. (default: ``False``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSoftmax`. (default: ``"auto"``)

    Shapes:
        - **input:** queries :math:`(n, d)`, keys :math:`(n, d)`; optional negatives in place of the other keys: shared
          by all queries
          :math:`(m, d)`, of each query its own :math:`(n, m, d)`, or a :class:`~gnnclr.graph.FeatureBank`; or stacked
          nodes and a :class:`~gnnclr.graph.ContrastGraph`
        - **output:** scalar
    """

    card = ObjectiveCard(
        formula="mean_i -log e^(q_i·k_i/τ) / (e^(q_i·k_i/τ) + Σ_j e^(q_i·n_j/τ))",
        kernel="dot product",
        link="log-sum-exp, positive inside",
        pairs="queries against other keys, given negatives or a bank",
        weights="one",
        paper="CPC, https://arxiv.org/abs/1807.03748",
    )

    max_views = 2
    pairing = "keys"

    def __init__(self, temperature: float | nn.Parameter = 0.1, gather_distributed: bool = False, impl: str = "auto"):
        super().__init__(ContrastiveConv(temperature, denominator="pair", impl=impl), gather_distributed)

    def graph(self, query: Tensor, key: Tensor, negatives: Tensor | FeatureBank | None = None) -> ContrastGraph:
        """The bipartite graph of a batch: queries are anchors, each attracted by its key."""
        n, d = query.shape
        check_matrix("key", key, rows=n, cols=d)
        nodes, rule, bank, negative_index = [query, key], Negatives(candidates=(1,)), None, None
        if isinstance(negatives, FeatureBank):
            bank, rule = negatives.features.to(query.device), Negatives(candidates=())
        elif isinstance(negatives, Tensor):
            nodes.append(check_finite("negatives", self._flat(negatives, n, d)))
            rule = Negatives(candidates=(2,))
            if negatives.dim() == 3:
                target = torch.arange(n, device=query.device).repeat_interleave(negatives.size(1))
                negative_index = torch.stack([torch.arange(target.numel(), device=target.device) + 2 * n, target])
        elif negatives is not None:
            raise ValueError(f"'negatives' must be a tensor or a FeatureBank (got {describe(negatives)})")
        edge_index, sample, view, anchor = _structure(n, sum(map(len, nodes[2:])), query.device)
        return ContrastGraph(
            x=torch.cat(nodes),
            edge_index=edge_index,
            sample=sample,
            view=view,
            anchor=anchor,
            negatives=rule,
            negative_index=negative_index,
            bank=bank,
            check=bank is not None,  # the rest is right by construction
        )

    @called_like(graph)
    def forward(
        self,
        query: Tensor | None = None,
        key: Tensor | ContrastGraph | None = None,
        negatives: Tensor | FeatureBank | None = None,
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

    @staticmethod
    def _flat(negatives: Tensor, n: int, d: int) -> Tensor:
        paired = negatives.dim() == 3 and negatives.size(0) == n and negatives.size(2) == d
        if not paired and not (negatives.dim() == 2 and negatives.size(1) == d):
            raise ValueError(f"'negatives' must have shape [m, {d}] or [{n}, m, {d}] (got {describe(negatives)})")
        return check_matrix("negatives", negatives.reshape(-1, d))

    def check_input(self, name: str, value: Any, n: int, d: int) -> None:
        """See :meth:`GraphLoss.check_input`."""
        if isinstance(value, Tensor):
            self._flat(value, n, d)
        elif not isinstance(value, FeatureBank) or value.dim != d:
            raise ValueError(f"'negatives' must be a tensor or a FeatureBank of width {d} (got {describe(value)})")


@shared_structure
def _structure(n: int, negatives: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Positives, samples, views and anchors of ``n`` queries, their keys and further negatives."""
    index, more = torch.arange(n, device=device), torch.arange(n, n + negatives, device=device)
    view = torch.cat([torch.full_like(part, i) for i, part in enumerate((index, index, more))])
    return torch.stack([index + n, index]), torch.cat([index, index, more]), view, view == 0
