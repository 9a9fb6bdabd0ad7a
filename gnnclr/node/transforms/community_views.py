"""Views that keep the edges and features of strong communities more often."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform, Compose
from torch_geometric.utils import scatter

from gnnclr.graph.communities import leiden
from gnnclr.graph.partition import check_community, contiguous
from gnnclr.graph.simple_graph import simple_edges
from gnnclr.graph.weighted_edges import Edges, edges_of, index_of
from gnnclr.node.datasets.data import check_parts
from gnnclr.node.transforms.adaptive import drop_probability, feature_weight
from gnnclr.node.transforms.views import keep_edges, mask_columns
from gnnclr.ops.check import check_probability
from gnnclr.ops.memo import TensorMemo

#: Finds the community [n] of each node of ``(edge_index, num_nodes)``; edges with weights are ``WeightedEdges``.
Detector: TypeAlias = Callable[..., Any]


def community_strength(edge_index: Edges, community: Tensor) -> Tensor:
    r"""The share of each node's community in the modularity, from `"CSGCL: Community-Strength-Enhanced Graph
    Contrastive Learning" <https://arxiv.org/abs/2305.04658>`_.

    .. math:: S_c = \frac{|\mathcal{E}_c|}{|\mathcal{E}|} - \Big(\frac{\operatorname{vol}(c)}{2 |\mathcal{E}|}\Big)^2

    with :math:`\mathcal{E}_c` the edges inside :math:`c`, or the sum of
    their weights. Edges count once and in both directions; self-loops do not.

    Args:
        edge_index (Tensor or WeightedEdges): Edges [2, e].
        community (Tensor): The community of each node.

    Shapes:
        - **input:** edges :math:`(2, e)`, communities :math:`(n)`
        - **output:** :math:`(n)`, the strength of the community of each node
    """
    community = contiguous(check_community("community", community))
    n = community.numel()
    (source, target), weight = simple_edges(edge_index, n)
    weight, size = weight.float(), int(community.max()) + 1 if n else 0
    total = weight.sum() if weight.numel() else 1
    inside = weight * (community[source] == community[target])
    share = scatter(inside, community[source], dim_size=size, reduce="sum") / total
    volume = scatter(weight, community[source], dim_size=size, reduce="sum") / total
    return (share - volume.square())[community]


class CommunityEdgeDrop(BaseTransform):
    r"""Drops edges between strong communities most often, the communal edge dropping of `"CSGCL"
    <https://arxiv.org/abs/2305.04658>`_.

    An edge inside a community weighs :math:`S_c`, one between two :math:`-(S_c + S_{c'})`, scaled to
    :math:`[0, 1]`; it is kept with probability :math:`\min\big(1, \max(1 - \theta, (1 - p)\, w / \bar{w})\big)`.
    Probabilities are computed once for a graph; the transform comes before others that change its edges.

    Args:
        p (float, optional): Mean probability of dropping an edge, where nothing is cut. (default: ``0.3``)
        detector (callable, optional): Finds communities. (default: :func:`~gnnclr.graph.communities.leiden`)
        threshold (float, optional): The largest probability :math:`\theta` of dropping. (default: ``1.0``)
    """

    #: Communities of a subgraph would be others in every batch.
    of_whole_graph: ClassVar[bool] = True

    def __init__(self, p: float = 0.3, detector: Detector = leiden, threshold: float = 1.0):
        self.p: float = check_probability("p", p)
        self.threshold: float = check_probability("threshold", threshold)
        self.detector = detector
        self._probability = TensorMemo(self._compute)

    def forward(self, data: Data) -> Data:
        """The graph without the dropped edges; their attributes go with them."""
        check_parts(data, "edge_index")
        if self.p == 0:
            return data
        probability = self._probability(edges_of(data), data.num_nodes)
        return keep_edges(data, torch.rand_like(probability) >= probability)

    def _compute(self, edges: Edges, num_nodes: int) -> Tensor:
        source, target = index_of(edges)
        if source.numel() == 0:
            return torch.empty(0, device=source.device)
        community = self.detector(edges, num_nodes)
        strength = community_strength(edges, community)
        same = community[source] == community[target]
        weight = torch.where(same, strength[source], -strength[source] - strength[target])
        weight = (weight - weight.min()) / (weight.max() - weight.min()).clamp(min=1e-12)
        weight = weight / weight.mean() if bool(weight.any()) else torch.ones_like(weight)
        return (1 - (1 - self.p) * weight).clamp(min=0, max=self.threshold)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.p})"


class CommunityFeatureMask(BaseTransform):
    r"""Masks features of strong communities less often, the communal attribute voting of `"CSGCL"
    <https://arxiv.org/abs/2305.04658>`_.

    The score of feature :math:`f` is :math:`\log \sum_i |x_{if}|\, S_{c_i}`, which
    :func:`~gnnclr.node.drop_probability` makes a probability. Probabilities are computed once for a graph; the
    transform comes before others that change its edges or features.

    Args:
        p (float, optional): Mean probability of masking a feature. (default: ``0.1``)
        detector (callable, optional): Finds communities. (default: :func:`~gnnclr.graph.communities.leiden`)
        threshold (float, optional): The largest probability. (default: ``0.7``)
    """

    #: Communities of a subgraph would be others in every batch.
    of_whole_graph: ClassVar[bool] = True

    def __init__(self, p: float = 0.1, detector: Detector = leiden, threshold: float = 0.7):
        self.p: float = check_probability("p", p)
        self.threshold: float = check_probability("threshold", threshold)
        self.detector = detector
        self._probability = TensorMemo(self._compute)

    def forward(self, data: Data) -> Data:
        """The graph with masked ``x``, dense or sparse CSR as it was."""
        check_parts(data, "x", "edge_index")
        if self.p == 0:
            return data
        probability = self._probability(data.x, edges_of(data))
        data.x = mask_columns(data.x, torch.rand_like(probability) >= probability)
        return data

    def _compute(self, x: Tensor, edges: Edges) -> Tensor:
        strength = community_strength(edges, self.detector(edges, x.size(0)))
        return drop_probability(feature_weight(x, strength).log(), self.p, self.threshold)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.p})"


def csgcl_view(edge_p: float = 0.3, feature_p: float = 0.1, detector: Detector = leiden) -> Compose:
    """The view of CSGCL: :class:`CommunityFeatureMask` and :class:`CommunityEdgeDrop`.

    Args:
        edge_p (float, optional): Mean probability of dropping an edge. (default: ``0.3``)
        feature_p (float, optional): Mean probability of masking a feature. (default: ``0.1``)
        detector (callable, optional): Finds communities. (default: :func:`~gnnclr.graph.communities.leiden`)
    """
    check_probability("edge_p", edge_p)
    check_probability("feature_p", feature_p)
    return Compose([CommunityFeatureMask(feature_p, detector), CommunityEdgeDrop(edge_p, detector)])
