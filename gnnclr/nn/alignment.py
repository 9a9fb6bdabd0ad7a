"""The alignment update: positives attract."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch_geometric.utils import scatter

from gnnclr.graph import ContrastGraph
from gnnclr.nn.pair_conv import PairConv
from gnnclr.nn.update import Update


@dataclass
class PositivePairs:
    r"""Positives of all anchors as explicit pairs.

    Args:
        edge_index (Tensor): Positives and anchors [2, e].
        weight (Tensor): Weight of each pair, summing to one over all [e]: the share of the anchor times the share of
            the pair.
        score (Tensor): Similarity of each pair over the temperature, :math:`s_{ij} / \tau` [e].
    """

    edge_index: Tensor
    weight: Tensor
    score: Tensor


def anchor_share(counts: Tensor, graph: ContrastGraph, dtype: torch.dtype) -> Tensor:
    """The share of each node in the mean over anchors [n]: equal for all anchors that have something to count, zero for
    the rest."""
    share = counts > 0
    if graph.anchor is not None:
        share = share & graph.anchor
    return share.to(dtype) / share.sum().clamp(min=1)


class AlignmentConv(PairConv):
    r"""The alignment update of `"A Message Passing Perspective on Learning Dynamics of Contrastive Learning"
    <https://arxiv.org/abs/2303.04435>`_: every view moves towards the views it is paired with.

    .. math::
        \mathbf{m}_i = \frac{1}{n\tau} \sum_{j \in \mathcal{N}^{+}(i)} (w_{ij} + w_{ji})\, \mathbf{z}_j, \qquad
        E = -\frac{1}{n\tau} \sum_i \sum_{j \in \mathcal{N}^{+}(i)} w_{ij}\, \mathbf{z}_i^\top \mathbf{z}_j

    The weights of an anchor's positives sum to one; :math:`n` counts the anchors that have positives. Explicit
    positives go through ``propagate``; implicit ones
    (a graph without ``edge_index``) through sums over groups, in linear memory.

    Args:
        temperature (float or torch.nn.Parameter, optional): The temperature :math:`\tau > 0`. (default: ``0.5``)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, unit rows; graph with positives :math:`(2, e)` and weights :math:`(e)`
        - **output:** messages :math:`(n, d)`
    """

    def __init__(self, temperature: float | nn.Parameter = 0.5):
        super().__init__(temperature)

    def pairs(self, z: Tensor, graph: ContrastGraph) -> PositivePairs:
        """The positives of a graph with their weights and scores."""
        source, target = graph.edge_index
        weight = z.new_ones(source.numel()) if graph.edge_weight is None else graph.edge_weight.to(z)
        total = scatter(weight, target, dim_size=z.size(0), reduce="sum")
        weight = weight / total[target].clamp(min=torch.finfo(z.dtype).tiny)
        weight = weight * anchor_share(total, graph, z.dtype)[target]
        nodes = self.candidates(z, graph)
        score = (nodes[source] * z[target]).sum(dim=1) / float(self.temperature)
        return PositivePairs(graph.edge_index, weight, score)

    def step(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energy and message of one round."""
        if graph.edge_index is None:
            return self._step_groups(z, graph)
        pairs = self.pairs(z, graph)
        energy = -(pairs.weight * pairs.score).sum()
        return self._result(energy, self.exchange(z, graph, pairs.edge_index, pairs.weight))

    def _step_groups(self, z: Tensor, graph: ContrastGraph) -> Update:
        _, group, size = torch.unique(graph.group, return_inverse=True, return_counts=True)
        others = size[group] - 1
        weight = (anchor_share(others, graph, z.dtype) / others.clamp(min=1)).unsqueeze(1)
        attract = weight * (scatter(z, group, reduce="sum")[group] - z)
        energy = -(attract * z).sum() / float(self.temperature)
        return self._result(energy, attract + scatter(weight * z, group, reduce="sum")[group] - weight * z)

    def _result(self, energy: Tensor, message: Tensor) -> Update:
        tau = self.temperature
        gradients = [(tau, -energy / float(tau))] if isinstance(tau, Tensor) else []
        return Update(energy, message / float(tau), gradients)
