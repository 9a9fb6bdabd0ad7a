"""Contrast between views with a gradient of its own for each side."""

from copy import copy

import torch
from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.nn.coupled import CoupledConv
from gnnclr.nn.pair_conv import PairConv
from gnnclr.nn.update import Update
from gnnclr.ops.check import check_number, check_positive
from gnnclr.ops.value_only import value_only


class AsymmetricConv(PairConv):
    r"""A contrastive update between pairs of views, in which anchors and candidates move by different amounts.

    For each ordered pair of views :math:`(a, b)` the layer is run with anchors of view :math:`a` and candidates of view
    :math:`b`; its energy :math:`E_{ab}` enters with weight :math:`c_{ab}`, its message with that weight times
    :math:`\alpha_{ab}` for the anchors and times :math:`1 - \alpha_{ab}` for the candidates:

    .. math::
        E = \frac{1}{\sum_{ab} c_{ab}} \sum_{ab} c_{ab} E_{ab}, \qquad
        \operatorname{sim}_{\alpha}(\mathbf{z}_i, \mathbf{z}_j) = \alpha\, \mathbf{z}_i^\top \mathrm{sg}(\mathbf{z}_j)
        + (1 - \alpha)\, \mathrm{sg}(\mathbf{z}_i)^\top \mathbf{z}_j

    Args:
        conv (CoupledConv): The layer of one pair of views.
        weights (dict): :math:`(c_{ab}, \alpha_{ab})` for each ordered pair :math:`(a, b)` of views.
        total (float, optional): The divisor of the sum of energies. (default: the sum of the weights)

    Shapes:
        - **input:** embeddings :math:`(n, d)`, unit rows; graph of the views named in ``weights``
        - **output:** messages :math:`(n, d)`
    """

    def __init__(
        self, conv: CoupledConv, weights: dict[tuple[int, int], tuple[float, float]], total: float | None = None
    ):
        super().__init__(conv.temperature)
        self.conv: CoupledConv = conv
        self.weights: dict[tuple[int, int], tuple[float, float]] = dict(weights)
        for weight, alpha in self.weights.values():
            check_number("weights", weight, least=0)
            check_number("weights", alpha)
        if total is not None:
            check_positive("total", total)
        self.total: float = float(sum(weight for weight, _ in self.weights.values()) if total is None else total)

    def step(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energy and message of one round."""
        energy, message, gradients = z.new_zeros(()), torch.zeros_like(z), []
        for (a, b), (weight, alpha) in self.weights.items():
            if weight == 0:
                continue
            update = self.conv.step(z, _between(graph, a, b))
            energy = energy + weight / self.total * update.energy
            if value_only():
                continue
            side = torch.where(graph.view == a, alpha, 1 - alpha).to(z) * (weight / self.total)
            message.addcmul_(update.message, side.unsqueeze(1))
            gradients += [(tensor, weight / self.total * gradient) for tensor, gradient in update.gradients]
        return Update(energy) if value_only() else Update(energy, message, gradients)

    def extra_repr(self) -> str:
        """The layer and the pairs of views."""
        return f"{self.conv}, views={sorted(self.weights)}"


def _between(graph: ContrastGraph, a: int, b: int) -> ContrastGraph:
    """The graph with anchors of view ``a``, and positives and negatives of view ``b`` only."""
    if graph.bank is not None:
        raise ValueError("'graph' must not have a bank: its rows belong to no view (got one)")

    def kept(edge_index: Tensor) -> Tensor:
        return (graph.view[edge_index[0]] == b) & (graph.view[edge_index[1]] == a)

    part = copy(graph)
    edge_index = graph.positives
    part.edge_index = edge_index[:, kept(edge_index)]
    if graph.edge_weight is not None:
        part.edge_weight = graph.edge_weight[kept(edge_index)]
    if graph.negative_index is not None:
        part.negative_index = graph.negative_index[:, kept(graph.negative_index)]
    if graph.extra is not None:
        part.extra = graph.extra.keep(kept(graph.extra.index))
    part.anchor = (graph.view == a) if graph.anchor is None else (graph.view == a) & graph.anchor
    part.negatives = graph.negatives.between(a, b)
    return part
