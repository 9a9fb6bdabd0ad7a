"""Rewiring by random walks along positives."""

import warnings

import torch
from torch import Tensor
from torch_geometric.transforms import BaseTransform
from torch_geometric.utils import scatter

from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.pairs import is_among
from gnnclr.graph.positives import (
    check_positives,
    drop_extra_positives,
    edge_weights,
    ignore_positives,
    top_per_target,
)
from gnnclr.graph.simple_graph import sparse_matrix
from gnnclr.ops.check import check_count, describe, is_number


class RandomWalkPositives(BaseTransform):
    r"""Makes positives of all that random walks along positives reach in a few steps.

    .. math:: \mathbf{S} = \sum_{t=1}^{T} \theta_t \mathbf{P}^t, \qquad
        P_{ij} = \frac{w_{j \to i}}{\sum_{l} w_{l \to i}}

    A walk goes from an anchor to one of its positives, drawn by weight, and on from there; it stays where there are no
    positives, as at rows of a bank. Where it ends attracts the anchor in proportion to :math:`S_{ij}`, and where it
    came back to its start says nothing. The sum of the weights of an anchor's positives stays as it was. A positive
    that is cut away does not repel either, where positives do not. So
    ``T.Compose([AddKNNPositives(5), RandomWalkPositives(2)])`` diffuses over views and neighbors, as
    `"Diffusion Improves Graph Learning" <https://arxiv.org/abs/1911.05485>`_ does with coefficients :math:`\theta`.

    Products are sparse: time and memory of a step are those of the walk so far times the positives of a node, in all
    linear in edges where :math:`k` is given.

    Args:
        steps (int, optional): The most steps :math:`T` of a walk; with ``1`` nothing is changed, unless by ``k``.
            (default: ``2``)
        k (int, optional): The largest entries that each anchor keeps, of :math:`\mathbf{S}`, and of each power before
            the next step. (default: ``None``, all)
        coefficients (list, optional): The coefficient :math:`\theta_t \ge 0` of each number of steps. With ``[0, 1]``
            only the ends of two steps are positives: none are left on two views alone, where two steps lead back.
            (default: ``None``, equal)
    """

    def __init__(self, steps: int = 2, k: int | None = None, coefficients: list[float] | None = None):
        self.steps: int = check_count("steps", steps)
        self.k: int | None = check_count("k", k, optional=True)
        numbers = coefficients is None or (
            isinstance(coefficients, (list, tuple)) and all(map(is_number, coefficients))
        )
        theta = [1.0] * steps if coefficients is None else list(coefficients) if numbers else []
        if len(theta) != steps or not all(c >= 0 for c in theta) or not 0 < sum(theta) < float("inf"):
            raise ValueError(
                f"'coefficients' must be {steps} numbers, none negative and not all zero (got {describe(coefficients)})"
            )
        self.coefficients = theta

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The graph with the ends of walks as its positives."""
        check_positives(data)
        if (self.steps == 1 and self.k is None) or data.edge_index.size(1) == 0:
            return data
        n, weight = data.num_nodes, edge_weights(data)
        total = scatter(weight, data.edge_index[1], dim_size=data.num_candidates, reduce="sum")
        (target, source), value = self._walks(self._step(data.edge_index, weight, total), n)
        keep = target != source
        target, source, value = target[keep], source[keep], value[keep]
        if self.k is not None:
            keep = top_per_target(value, target, self.k)
            target, source, value = target[keep], source[keep], value[keep]
        share = value / scatter(value, target, dim_size=n, reduce="sum")[target]
        walked, old = torch.stack([source, target]), data.edge_index
        ignore_positives(data, old[:, ~is_among(old, walked, n)])
        data.edge_index, data.edge_weight = walked, share * total[target]
        return drop_extra_positives(data)

    @staticmethod
    def _step(edge_index: Tensor, weight: Tensor, total: Tensor) -> Tensor:
        """The matrix of one step, sparse [n + m, n + m]."""
        source, target = edge_index
        stuck = (total == 0).nonzero().view(-1)
        inside = weight > 0
        index = torch.cat([torch.stack([target, source])[:, inside], stuck.expand(2, -1)], dim=1)
        value = torch.cat([weight[inside] / total[target[inside]], torch.ones_like(total[stuck])])
        return sparse_matrix(index, value, (total.numel(), total.numel()))

    def _walks(self, step: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """The walks from all nodes: entries of the sum of powers, as index [2, e] and value [e]."""
        index, value = step.indices(), step.values()
        nodes = index[0] < n
        power = sparse_matrix(index[:, nodes], value[nodes], (n, step.size(1)))
        parts = []
        for t, theta in enumerate(self.coefficients):
            if t > 0:
                power = self._prune(_product(power, step))
            if theta > 0:
                parts.append((power.indices(), theta * power.values()))
        walks = sparse_matrix(*(torch.cat(part, dim=-1) for part in zip(*parts)), power.shape)
        return walks.indices(), walks.values()

    def _prune(self, power: Tensor) -> Tensor:
        if self.k is None:
            return power
        keep = top_per_target(power.values(), power.indices()[0], self.k)
        return sparse_matrix(power.indices()[:, keep], power.values()[keep], power.shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(steps={self.steps}, k={self.k}, coefficients={self.coefficients})"


def _product(a: Tensor, b: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse.mm(a, b).coalesce()
