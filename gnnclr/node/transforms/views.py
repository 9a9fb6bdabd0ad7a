"""Random views of a graph."""

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform, Compose
from torch_geometric.utils import dropout_edge, mask_feature

from gnnclr.node.datasets.data import check_parts
from gnnclr.ops.check import check_probability


class EdgeDrop(BaseTransform):
    r"""Drops each edge with probability :math:`p`.

    As in `"Deep Graph Contrastive Representation Learning" <https://arxiv.org/abs/2006.04131>`_ and its code, the two
    directions of an undirected edge are dropped independently, so a view is a directed graph. Sorted edges stay sorted.

    Args:
        p (float, optional): Probability of dropping an edge. (default: ``0.3``)
        force_undirected (bool, optional): Drop both directions of an edge together; the edges of the view are not
            sorted then. (default: ``False``)
    """

    def __init__(self, p: float = 0.3, force_undirected: bool = False):
        self.p: float = check_probability("p", p)
        self.force_undirected: bool = force_undirected

    def forward(self, data: Data) -> Data:
        """The graph without the dropped edges; their attributes go with them."""
        check_parts(data, "edge_index")
        if self.p == 0:
            return data
        edge_index, kept = dropout_edge(data.edge_index, self.p, self.force_undirected)
        keep_edges(data, kept)
        data.edge_index = edge_index
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.p})"


class FeatureMask(BaseTransform):
    r"""Sets each feature, for all nodes alike, to zero with probability :math:`p`, as in `"Deep Graph Contrastive
    Representation Learning" <https://arxiv.org/abs/2006.04131>`_.

    Args:
        p (float, optional): Probability of masking a feature. (default: ``0.3``)
    """

    def __init__(self, p: float = 0.3):
        self.p: float = check_probability("p", p)

    def forward(self, data: Data) -> Data:
        """The graph with masked ``x``, dense or sparse CSR as it was."""
        check_parts(data, "x")
        if self.p == 0:
            return data
        # A row of ones draws the same mask for sparse and dense features.
        ones = torch.ones(1, data.x.size(1), dtype=data.x.dtype, device=data.x.device)
        data.x = mask_columns(data.x, mask_feature(ones, self.p)[0].view(-1))
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.p})"


def grace_view(edge_p: float = 0.3, feature_p: float = 0.3) -> Compose:
    """The view of GRACE: :class:`EdgeDrop` and :class:`FeatureMask`.

    Args:
        edge_p (float, optional): Probability of dropping an edge. (default: ``0.3``)
        feature_p (float, optional): Probability of masking a feature. (default: ``0.3``)
    """
    check_probability("edge_p", edge_p)
    check_probability("feature_p", feature_p)
    return Compose([EdgeDrop(edge_p), FeatureMask(feature_p)])


def keep_edges(data: Data, kept: Tensor) -> Data:
    """The graph with some of its edges and their attributes: tensors ``edge_*`` with a row for each edge.

    Args:
        data (Data): The graph, which is changed.
        kept (Tensor): The edges that stay, a mask or numbers.
    """
    edges = data.edge_index.size(1)
    for key, value in data.to_dict().items():
        if key == "edge_index":
            data.edge_index = value[:, kept]
        elif key.startswith("edge_") and isinstance(value, Tensor) and value.shape[:1] == (edges,):
            data[key] = value[kept]
    return data


def mask_columns(x: Tensor, keep: Tensor) -> Tensor:
    """Features with columns set to zero, dense or sparse CSR as they were.

    Args:
        x (Tensor): Features [n, d].
        keep (Tensor): Which columns are kept [d], as a mask or as zeros and ones.
    """
    keep = keep.to(x.dtype)
    if x.layout != torch.sparse_csr:
        return x * keep
    crow, col = x.crow_indices(), x.col_indices()
    return torch.sparse_csr_tensor(crow, col, x.values() * keep[col], size=x.shape, check_invariants=False)
