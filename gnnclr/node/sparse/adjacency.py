"""The adjacency matrix that graph convolutions multiply with."""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from gnnclr.graph.weighted_edges import Edges, check_weighted_edges, with_weights
from gnnclr.node.sparse.csr import csr_tensor
from gnnclr.ops.check import describe


def normalized_adjacency(edge_index: Edges, num_nodes: int, edge_weight: Tensor | None = None) -> Tensor:
    r"""The normalized adjacency matrix with self-loops of `"Semi-Supervised Classification with Graph Convolutional
    Networks" <https://arxiv.org/abs/1609.02907>`_, as a sparse CSR matrix.

    .. math:: \hat{\mathbf{A}} = \mathbf{D}^{-1/2} (\mathbf{A} + \mathbf{I}) \mathbf{D}^{-1/2}, \qquad
        D_{ii} = 1 + \sum_j A_{ij}

    Row :math:`i` holds the edges that end in node :math:`i`, so :math:`\hat{\mathbf{A}} \mathbf{X}` sends messages
    from source to target as :class:`torch_geometric.nn.GCNConv` does, also on directed graphs. Building it costs a few
    passes over the edges if they are sorted by target, as PyG's data sets are, and a sort otherwise.

    Args:
        edge_index (Tensor or WeightedEdges): Edges, source to target.
        num_nodes (int): Number of nodes; isolated ones keep their self-loop.
        edge_weight (Tensor, optional): Non-negative weights :math:`A_{ij}`, of edges that have none yet. Self-loops
            that are not among the edges weigh 1. (default: ``None``, all 1)

    Shapes:
        - **input:** :math:`(2, e)`, weights :math:`(e)`
        - **output:** sparse :math:`(n, n)`

    Raises:
        ValueError: If edges do not index the nodes, or weights are negative, not finite or not one for each edge.
    """
    edges, weight = check_weighted_edges(with_weights(edge_index, edge_weight), num_nodes)
    (source, target), value = gcn_norm(edges, weight, num_nodes)
    return csr_tensor(target, source, value, (num_nodes, num_nodes))


def as_adjacency(edge_index: Any, num_nodes: int) -> Tensor:
    """Returns a sparse CSR matrix as it is, and the normalized adjacency matrix of an ``edge_index`` [2, e] or of
    :class:`~gnnclr.graph.WeightedEdges`."""
    if isinstance(edge_index, Tensor) and edge_index.layout == torch.sparse_csr:
        if edge_index.shape != (num_nodes, num_nodes):
            shape = [num_nodes, num_nodes]
            raise ValueError(f"'edge_index' must have shape [2, e], or {shape} if sparse (got {describe(edge_index)})")
        return edge_index
    return normalized_adjacency(edge_index, num_nodes)
