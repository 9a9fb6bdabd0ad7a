"""Centroids of communities, as weights of negatives and as the negatives themselves."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch_geometric.utils import scatter

from gnnclr.graph.bank import Bank
from gnnclr.graph.check_graph import check_graph
from gnnclr.graph.communities.rule import CommunityRule
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.log_weight import add_log_weight, weight_dtype
from gnnclr.graph.partition import of_nodes
from gnnclr.ops.check import check_matrix, check_positive, describe


class WeighCentroids(CommunityRule):
    r"""Weighs negatives by the distance of the communities, after the reweighting of `"Graph Communal Contrastive
    Learning" <https://arxiv.org/abs/2110.14863>`_: near communities repel fully, far ones hardly.

    .. math:: w_{ij} = \exp\left(-\gamma \lVert \mathbf{C}_{c_i} - \mathbf{C}_{c_j} \rVert^2\right), \qquad
        \mathbf{C}_k = \operatorname{mean}_{c_i = k} \mathbf{x}_i

    The squared distance is a product of :math:`\min(d, K) + 2` columns, exact and in linear memory.
    Nodes of one community weigh one: before it, :class:`ExcludeCommunity` leaves them out as the paper does. Rows of
    a bank weigh one.

    Args:
        community (Tensor): The community of each sample of the data [N].
        gamma (float, optional): The factor :math:`\gamma > 0`, per unit of squared distance. The paper takes 2e-5 to
            8e-5, which is no weighting at all for unit vectors. (default: ``1.0``)
        features (Tensor, optional): Features of the samples whose centroids are taken [N, d]. (default: ``None``, the
            embeddings ``graph.x`` of each batch, without gradient)
    """

    def __init__(self, community: Tensor, gamma: float = 1.0, features: Tensor | None = None):
        super().__init__(community)
        self.gamma: float = float(check_positive("gamma", gamma))
        self.features: Tensor | None = None
        if features is not None:
            self.features = check_matrix("features", features, finite=True, rows=self.community.numel()).detach()

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The graph with log-weights added to its negatives."""
        label = torch.unique(self.labels(check_graph(data)), return_inverse=True)[1]
        if self.features is not None:
            x = of_nodes("features", self.features, data).to(weight_dtype(data))
        else:
            x = check_embeddings(data)
        if label.numel() == 0:
            return data
        a, b = distance_columns(scatter(x, label, dim=0, reduce="mean"), self.gamma)
        return add_log_weight(data, a[label], b[label], symmetric=True)

    def _options(self) -> dict[str, Any]:
        return {"gamma": f"{self.gamma:g}"}


class ContrastCentroids(CommunityRule):
    r"""Makes the centroids of the other communities the only negatives of a node, in :math:`\mathcal{O}(nK)`.

    .. math:: \mathcal{N}^{-}(i) = \{ \mathbf{C}_k : k \neq c_i \}, \qquad
        w_{ik} = \exp\left(-\gamma \lVert \mathbf{C}_{c_i} - \mathbf{C}_k \rVert^2\right)

    Centroids are means of the embeddings ``graph.x`` over all views, without gradient, and rows of the bank. As an
    anchor's positives are no negatives, its own centroid is one, of weight zero; with ``weight`` it attracts too, which
    is the community term of `"Graph Communal Contrastive Learning" <https://arxiv.org/abs/2110.14863>`_.

    Args:
        community (Tensor): The community of each sample of the data [N].
        weight (float, optional): Weight of the own centroid as a positive, where each view has weight one.
            (default: ``0.0``)
        gamma (float, optional): The factor :math:`\gamma`; ``0`` weighs all centroids alike. (default: ``0.0``)
    """

    def __init__(self, community: Tensor, weight: float = 0.0, gamma: float = 0.0):
        super().__init__(community)
        for name, value in (("weight", weight), ("gamma", gamma)):
            if value != 0:
                check_positive(name, value)
        self.weight: float = float(weight)
        self.gamma: float = float(gamma)

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The graph with centroids as rows of its bank, which take the place of the nodes among the negatives."""
        label = torch.unique(self.labels(check_graph(data)), return_inverse=True)[1]
        x = check_embeddings(data)
        if data.negative_index is not None:
            raise ValueError("'data.negative_index' must be absent: it takes the place of the rule")
        if data.bank is not None and not data.negatives.bank:
            raise ValueError("'data.bank' must be absent or repel: its rows would become negatives (got bank=False)")
        n, start = data.num_nodes, data.num_candidates
        if n == 0:
            return data
        edge_index, centroid = data.positives, scatter(x, label, dim=0, reduce="mean")
        bank = Bank(centroid) if data.bank is None else data.bank.append(centroid, candidate=True)
        edge_weight = x.new_ones(edge_index.size(1)) if data.edge_weight is None else data.edge_weight.to(x.dtype)
        own = torch.stack([start + label, torch.arange(n, device=label.device)])
        data.edge_index = torch.cat([edge_index, own], dim=1)
        data.edge_weight = torch.cat([edge_weight, edge_weight.new_full((n,), self.weight)])
        data.bank = bank
        data.negatives = replace(data.negatives, candidates=(), exclude="positives")
        rule = data.negatives
        if self.gamma > 0:
            a, b = distance_columns(centroid, self.gamma)
            b = torch.cat([b.new_zeros(start, b.size(1)), b])
            return add_log_weight(data, a[label], b, symmetric=False)
        if rule.log_weight is not None and rule.log_weight[1].size(0) > n:
            rows = rule.log_weight[1].new_zeros(centroid.size(0), rule.log_weight[1].size(1))
            data.negatives = replace(rule, log_weight=(rule.log_weight[0], torch.cat([rule.log_weight[1], rows])))
        return data

    def _options(self) -> dict[str, Any]:
        return {"weight": f"{self.weight:g}", "gamma": f"{self.gamma:g}"}


def check_embeddings(graph: ContrastGraph) -> Tensor:
    """The embeddings of a graph as constants, float32 at least; a :class:`ValueError` where it has none."""
    if graph.x is None:
        raise ValueError(f"'data' must have embeddings 'x' (got {describe(graph.x)})")
    return check_matrix("data.x", graph.x.detach().to(weight_dtype(graph)), finite=True)


def distance_columns(centroid: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    r"""Columns whose products are :math:`-\gamma \lVert \mathbf{C}_a - \mathbf{C}_b \rVert^2`, two of [K, r].

    Args:
        centroid (Tensor): The centroids [K, d].
        gamma (float): The factor :math:`\gamma`.
    """
    centroid = centroid - centroid.mean(dim=0)  # distances stay, and cancel less
    if centroid.size(0) < centroid.size(1):
        centroid = torch.linalg.qr(centroid.t(), mode="r").R.t()  # coordinates in their own span: as long and as far
    square = centroid.square().sum(dim=1, keepdim=True)
    one = torch.ones_like(square)
    return (
        torch.cat([2 * gamma * centroid, -gamma * square, one], dim=1),
        torch.cat([centroid, one, -gamma * square], dim=1),
    )
