"""Views that keep the surroundings of some nodes."""

import torch
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform
from torch_geometric.utils import k_hop_subgraph

from gnnclr.node.datasets.data import check_parts
from gnnclr.node.transforms.views import keep_edges
from gnnclr.ops.check import check_count, check_probability


class EgoNets(BaseTransform):
    r"""Keeps the edges inside the ego nets of some nodes, drawn anew for each view, as the subgraph views of `"Graph
    Contrastive Learning with Augmentations" <https://arxiv.org/abs/2010.13902>`_ do for whole graphs.

    .. math:: \mathcal{E}' = \{ (u, v) \in \mathcal{E} : u, v \in \mathcal{N}_h(R) \}, \qquad
        \mathcal{N}_h(R) = \{ u : \operatorname{dist}(u, r) \le h \text{ for some } r \in R \}

    All nodes stay, so that views have the same ones: those outside are left without edges, and an encoder sees their
    own features alone.

    Args:
        p (float, optional): The share of nodes that are roots; one of them at least. (default: ``0.1``)
        num_hops (int, optional): The radius :math:`h` of an ego net. (default: ``1``)
    """

    def __init__(self, p: float = 0.1, num_hops: int = 1):
        self.p: float = check_probability("p", p)
        self.num_hops: int = check_count("num_hops", num_hops)

    def forward(self, data: Data) -> Data:
        """The graph with the edges of the ego nets; their attributes stay with them."""
        check_parts(data, "edge_index")
        n = data.num_nodes
        if n == 0:
            return data
        device = data.edge_index.device
        roots = torch.randperm(n, device=device)[: max(1, round(self.p * n))]
        return keep_edges(data, k_hop_subgraph(roots, self.num_hops, data.edge_index, num_nodes=n)[3])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.p}, num_hops={self.num_hops})"
