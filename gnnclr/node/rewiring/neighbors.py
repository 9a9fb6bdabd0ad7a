"""Random neighbors of every node."""

import torch
from torch import Tensor
from torch_geometric.index import index2ptr

from gnnclr.ops.check import check_edges


class NeighborTable:
    """The sources of the edges that end in each node, side by side.

    Args:
        edge_index (Tensor): Edges [2, e], source to target.
        num_nodes (int): Number of nodes.
    """

    def __init__(self, edge_index: Tensor, num_nodes: int):
        edge_index = check_edges(edge_index, num_nodes)
        order = torch.argsort(edge_index[1], stable=True)
        self.pointer = index2ptr(edge_index[1][order], num_nodes)
        self.neighbor = edge_index[0][order]


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
    # The product may round up to the degree itself.
    rank = (torch.rand(degree.numel(), k, device=pointer.device) * degree.unsqueeze(1)).long()
    rank = torch.minimum(rank, (degree - 1).clamp(min=0).unsqueeze(1))
    entry = (pointer[:-1].unsqueeze(1) + rank).clamp(max=table.neighbor.numel() - 1)
    return torch.where(degree.unsqueeze(1) > 0, table.neighbor[entry], own)
