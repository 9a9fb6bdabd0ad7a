"""The adjacency matrix that graph convolutions multiply with."""

import torch
from torch import Tensor
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from gnnclr.node.sparse.csr import csr_tensor
from gnnclr.ops.check import check_edges, describe


def normalized_adjacency(edge_index: Tensor, num_nodes: int, edge_weight: Tensor | None = None) -> Tensor:
    r"""The normalized adjacency matrix with self-loops of `"Semi-Supervised Classification with Graph Convolutional
    Networks" <https://arxiv.org/abs/1609.02907>`_, as a sparse CSR matrix.

    .. math:: \hat{\mathbf{A}} = \mathbf{D}^{-1/2} (\mathbf{A} + \mathbf{I}) \mathbf{D}^{-1/2}, \qquad
        D_{ii} = 1 + \sum_j A_{ij}

    Row :math:`i` holds the edges that end in node :math:`i`, so :math:`\hat{\mathbf{A}} \mathbf{X}` sends messages
    from source to target as :class:`torch_geometric.nn.GCNConv` does, also on directed graphs. Building it costs a few
    passes over the edges if they are sorted by target, as PyG's data sets are, and a sort otherwise.

    Args:
        edge_index (Tensor): Edges, source to target.
        num_nodes (int): Number of nodes; isolated ones keep their self-loop.
        edge_weight (Tensor, optional): Non-negative weights. (default: ``None``, all 1)

    Shapes:
        - **input:** :math:`(2, e)`, weights :math:`(e)`
        - **output:** sparse :math:`(n, n)`

    Raises:
        ValueError: If edges do not index the nodes, or weights are negative, NaN or not one for each edge.
    """
    edge_index = check_edges(edge_index, num_nodes)
    if edge_weight is not None:
        if not isinstance(edge_weight, Tensor) or edge_weight.shape != edge_index[0].shape:
            raise ValueError(f"'edge_weight' must have shape [{edge_index.size(1)}] (got {describe(edge_weight)})")
        if not bool((edge_weight >= 0).all()):
            raise ValueError(f"'edge_weight' must not be negative or NaN (got {float(edge_weight.min())})")
    (source, target), value = gcn_norm(edge_index, edge_weight, num_nodes)
    return csr_tensor(target, source, value, (num_nodes, num_nodes))


def as_adjacency(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Returns a sparse CSR matrix as it is, and the normalized adjacency matrix of an ``edge_index`` [2, e]."""
    if isinstance(edge_index, Tensor) and edge_index.layout == torch.sparse_csr:
        if edge_index.shape != (num_nodes, num_nodes):
            shape = [num_nodes, num_nodes]
            raise ValueError(f"'edge_index' must have shape [2, e], or {shape} if sparse (got {describe(edge_index)})")
        return edge_index
    return normalized_adjacency(edge_index, num_nodes)
