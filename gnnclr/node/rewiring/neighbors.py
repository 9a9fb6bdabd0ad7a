"""Random neighbors of every node."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.index import index2ptr

from gnnclr.graph.weighted_edges import Edges, check_weighted_edges


class NeighborTable:
    """The sources of the edges that end in each node, side by side.

    Args:
        edges (Tensor or WeightedEdges): Edges [2, e], source to target. Where they have weights, neighbors are drawn by
            those.
        num_nodes (int): Number of nodes.
    """

    def __init__(self, edges: Edges, num_nodes: int):
        edge_index, weight = check_weighted_edges(edges, num_nodes)
        if weight is not None:
            edge_index, weight = edge_index[:, weight > 0], weight[weight > 0]
        order = torch.argsort(edge_index[1], stable=True)
        self.pointer: Tensor = index2ptr(edge_index[1][order], num_nodes)
        self.neighbor: Tensor = edge_index[0][order]
        #: The sum of the weights up to each edge, from zero on [e + 1].
        self.cumulative: Tensor | None = None if weight is None else F.pad(weight[order].double().cumsum(0), (1, 0))


def sample_neighbors(table: NeighborTable, k: int) -> Tensor:
    """Draws neighbors of every node, with replacement; a node without any is its own neighbor.

    Args:
        table (NeighborTable): The neighbors.
        k (int): How many to draw.

    Shapes:
        - **output:** node numbers :math:`(n, k)`
    """
    pointer = table.pointer
    degree = pointer.diff()
    own = torch.arange(degree.numel(), device=pointer.device).unsqueeze(1).expand(-1, k)
    if table.neighbor.numel() == 0:
        return own.clone()
    share, last = torch.rand(degree.numel(), k, device=pointer.device), (degree - 1).clamp(min=0).unsqueeze(1)
    if table.cumulative is None:
        rank = (share * degree.unsqueeze(1)).long()
    else:
        begin, end = (table.cumulative[bound].unsqueeze(1) for bound in (pointer[:-1], pointer[1:]))
        place = torch.searchsorted(table.cumulative, begin + share * (end - begin), right=True) - 1
        rank = (place - pointer[:-1].unsqueeze(1)).clamp(min=0)
    rank = torch.minimum(rank, last)  # a product may round up to the end
    entry = (pointer[:-1].unsqueeze(1) + rank).clamp(max=table.neighbor.numel() - 1)
    return torch.where(degree.unsqueeze(1) > 0, table.neighbor[entry], own)
