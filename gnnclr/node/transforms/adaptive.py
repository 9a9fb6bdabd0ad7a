"""Views that keep central edges and features more often."""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform, Compose

from gnnclr.graph.weighted_edges import Edges, edges_of, index_of
from gnnclr.node.datasets.data import check_parts
from gnnclr.node.transforms.centrality import CENTRALITIES, centrality
from gnnclr.node.transforms.views import keep_edges, mask_columns
from gnnclr.ops.check import check_choice, check_probability
from gnnclr.ops.memo import TensorMemo


def drop_probability(score: Tensor, p: float, threshold: float = 0.7) -> Tensor:
    r"""The probability of dropping each thing by its score, from `"Graph Contrastive Learning with Adaptive
    Augmentation" <https://arxiv.org/abs/2010.14945>`_: the higher the score, the less likely.

    .. math:: w_i = \frac{s_{\max} - s_i}{s_{\max} - \bar{s}}, \qquad p_i = \min\!\Big(\frac{w_i}{\bar{w}}\, p,\;
        p_{\text{threshold}}\Big)

    Where all scores are equal, all probabilities are :math:`\min(p, p_{\text{threshold}})`.

    Args:
        score (Tensor): Scores, on a log scale; minus infinity counts as the lowest finite one,
            and not for the mean.
        p (float): The mean probability, where the threshold cuts nothing.
        threshold (float, optional): The largest probability. (default: ``0.7``)

    Shapes:
        - **input:** :math:`(m)`
        - **output:** :math:`(m)`
    """
    check_probability("p", p)
    check_probability("threshold", threshold)
    finite = score.isfinite()
    if not bool(finite.any()):
        return torch.full_like(score, min(p, threshold))
    weight = score[finite].max() - torch.where(finite, score, score[finite].min())
    mean = weight[finite].mean()
    # The factor 1 / (max − mean) of the formula cancels.
    weight = weight / mean if float(mean) > 1e-6 else torch.ones_like(weight)
    return (weight * p).clamp(max=threshold)


def feature_weight(x: Tensor, weight: Tensor) -> Tensor:
    r"""The weight of each feature by those of the nodes that have it, :math:`\sum_i |x_{if}|\, w_i`.

    Args:
        x (Tensor): Features [n, d], dense or sparse CSR.
        weight (Tensor): Weights of nodes [n].

    Shapes:
        - **output:** :math:`(d)`
    """
    weight = weight.to(x.dtype)
    if x.layout != torch.sparse_csr:
        return weight @ x.abs()
    row = torch.repeat_interleave(x.crow_indices().diff().long())
    total = torch.zeros(x.size(1), dtype=x.dtype, device=x.device)
    return total.index_add_(0, x.col_indices().long(), x.values().abs() * weight[row])


class _Adaptive(BaseTransform):
    def __init__(self, p: float = 0.3, centrality: str = "degree", threshold: float = 0.7):
        self.p: float = check_probability("p", p)
        self.threshold: float = check_probability("threshold", threshold)
        self.centrality: str = check_choice("centrality", centrality, CENTRALITIES)
        self._probability = TensorMemo(self._compute)

    def _compute(self, *parts: Any) -> Tensor:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.p}, centrality={self.centrality!r})"


class AdaptiveEdgeDrop(_Adaptive):
    r"""Drops edges, those to central nodes less often, as in `"Graph Contrastive Learning with Adaptive Augmentation"
    <https://arxiv.org/abs/2010.14945>`_.

    The score of an edge is the logarithm of the centrality of its target, :math:`s_{uv} = \log \varphi(v)`, and
    :func:`drop_probability` makes it a probability. Probabilities are computed once for a graph; the transform comes
    before others that change its edges.

    Args:
        p (float, optional): Mean probability of dropping an edge. (default: ``0.3``)
        centrality (str, optional): ``"degree"``, ``"pagerank"`` or ``"eigenvector"``. (default: ``"degree"``)
        threshold (float, optional): The largest probability. (default: ``0.7``)
    """

    def forward(self, data: Data) -> Data:
        """The graph without the dropped edges; their attributes go with them."""
        check_parts(data, "edge_index")
        if self.p == 0:
            return data
        probability = self._probability(edges_of(data), data.num_nodes)
        return keep_edges(data, torch.rand_like(probability) >= probability)

    def _compute(self, edges: Edges, num_nodes: int) -> Tensor:
        # Centralities of zero, as of a second component by eigenvector, are as small as the authors let them be.
        score = centrality(edges, num_nodes, self.centrality).clamp(min=1e-8).log()
        return drop_probability(score[index_of(edges)[1]], self.p, self.threshold)


class AdaptiveFeatureMask(_Adaptive):
    r"""Masks features for all nodes alike, those of central nodes less often, as in `"Graph Contrastive Learning with
    Adaptive Augmentation" <https://arxiv.org/abs/2010.14945>`_.

    The score of feature :math:`f` is :math:`s_f = \log \sum_i |x_{if}|\, \varphi(i)`, where for binary features
    :math:`|x_{if}|` says who has it, and :func:`drop_probability` makes it a probability. Probabilities are computed
    once for a graph; the transform comes before others that change its edges or features.

    Args:
        p (float, optional): Mean probability of masking a feature. (default: ``0.3``)
        centrality (str, optional): ``"degree"``, ``"pagerank"`` or ``"eigenvector"``. (default: ``"degree"``)
        threshold (float, optional): The largest probability. (default: ``0.7``)
    """

    def forward(self, data: Data) -> Data:
        """The graph with masked ``x``, dense or sparse CSR as it was."""
        check_parts(data, "x", "edge_index")
        if self.p == 0:
            return data
        probability = self._probability(data.x, edges_of(data))
        data.x = mask_columns(data.x, torch.rand_like(probability) >= probability)
        return data

    def _compute(self, x: Tensor, edges: Edges) -> Tensor:
        weight = centrality(edges, x.size(0), self.centrality)
        return drop_probability(feature_weight(x, weight).log(), self.p, self.threshold)


def gca_view(edge_p: float = 0.3, feature_p: float = 0.1, centrality: str = "degree") -> Compose:
    """The view of GCA: :class:`AdaptiveFeatureMask` and :class:`AdaptiveEdgeDrop`.

    Args:
        edge_p (float, optional): Mean probability of dropping an edge. (default: ``0.3``)
        feature_p (float, optional): Mean probability of masking a feature. (default: ``0.1``)
        centrality (str, optional): ``"degree"``, ``"pagerank"`` or ``"eigenvector"``. (default: ``"degree"``)
    """
    check_probability("edge_p", edge_p)
    check_probability("feature_p", feature_p)
    return Compose([AdaptiveFeatureMask(feature_p, centrality), AdaptiveEdgeDrop(edge_p, centrality)])
