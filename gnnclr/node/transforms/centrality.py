"""Centralities of nodes."""

import torch
from torch import Tensor
from torch_geometric.utils import degree, scatter, to_undirected

from gnnclr.graph.weighted_edges import Edges, check_weighted_edges
from gnnclr.node.sparse.csr import csr_tensor
from gnnclr.ops.check import check_choice

CENTRALITIES = ("degree", "pagerank", "eigenvector")
#: Stands for a sum of weights that is zero, by which nothing but zeros is divided.
TINY = 1e-30


def degree_centrality(edge_index: Tensor, num_nodes: int, weight: Tensor | None = None) -> Tensor:
    """The number of neighbors of each node, whichever way edges point, or the sum of the weights of those edges.

    An edge that is there several times, in one direction or both, has the mean of its weights.

    Args:
        edge_index (Tensor): Edges [2, e].
        num_nodes (int): Number of nodes.
        weight (Tensor, optional): Weights [e]. (default: ``None``, all 1)

    Shapes:
        - **output:** :math:`(n)`
    """
    if weight is None:
        return degree(to_undirected(edge_index, num_nodes=num_nodes)[1], num_nodes)
    (_, target), weight = to_undirected(edge_index, weight, num_nodes=num_nodes, reduce="mean")
    return scatter(weight, target, dim_size=num_nodes, reduce="sum")


def pagerank(
    edge_index: Tensor, num_nodes: int, damping: float = 0.85, steps: int = 100, weight: Tensor | None = None
) -> Tensor:
    r"""PageRank by power iteration, of sum one.

    .. math:: \mathbf{x} \leftarrow \frac{1 - \beta}{n} + \beta \sum_{j \to i} \frac{w_{ji}\, x_j}{\sum_k w_{jk}}

    Nodes without an outgoing edge pass their rank on to all nodes, as in networkx, which is no dependency and works on
    the CPU alone.

    Args:
        edge_index (Tensor): Edges [2, e], source to target.
        num_nodes (int): Number of nodes.
        damping (float, optional): The factor :math:`\beta`. (default: ``0.85``)
        steps (int, optional): Iterations; the error falls as :math:`\beta^{\text{steps}}`. (default: ``100``)
        weight (Tensor, optional): Weights :math:`w` [e]. (default: ``None``, all 1)

    Shapes:
        - **output:** :math:`(n)`
    """
    source, target = edge_index
    out = degree(source, num_nodes) if weight is None else scatter(weight, source, dim_size=num_nodes, reduce="sum")
    share = out.reciprocal()[source] if weight is None else weight / out.clamp(min=TINY)[source]
    matrix = csr_tensor(target, source, share, (num_nodes, num_nodes))
    uniform = 1 / max(num_nodes, 1)
    x = torch.full((num_nodes, 1), uniform, dtype=share.dtype, device=edge_index.device)
    dangling = (out == 0).unsqueeze(1)
    for _ in range(steps):
        x = damping * (matrix @ x + (x * dangling).sum() * uniform) + (1 - damping) * uniform
    return x.squeeze(1)


def eigenvector_centrality(
    edge_index: Tensor, num_nodes: int, steps: int = 200, weight: Tensor | None = None
) -> Tensor:
    r"""The leading eigenvector of the adjacency matrix by power iteration, of length one.

    The iteration adds the vector itself, :math:`\mathbf{x} \leftarrow \mathbf{x} + \mathbf{A} \mathbf{x}`, so that it
    converges on bipartite graphs too, as in networkx, which is no dependency. Weights are scaled to a mean of 1 first,
    which leaves the eigenvector as it is. Outside the component with the largest eigenvalue values are about zero.

    Args:
        edge_index (Tensor): Edges [2, e], source to target.
        num_nodes (int): Number of nodes.
        steps (int, optional): Iterations. (default: ``200``)
        weight (Tensor, optional): Weights [e]. (default: ``None``, all 1)

    Shapes:
        - **output:** :math:`(n)`
    """
    source, target = edge_index
    ones = torch.ones_like(source, dtype=torch.float32)
    value = ones if weight is None else weight / weight.mean().clamp(min=TINY)
    matrix = csr_tensor(target, source, value, (num_nodes, num_nodes))
    x = torch.ones(num_nodes, 1, dtype=value.dtype, device=edge_index.device)
    for _ in range(steps):
        x = x + matrix @ x
        x = x / x.norm()
    return x.squeeze(1)


def centrality(edge_index: Edges, num_nodes: int, kind: str = "degree") -> Tensor:
    """The centrality of each node, by the weights of edges where they have some.

    Args:
        edge_index (Tensor or WeightedEdges): Edges [2, e], source to target.
        num_nodes (int): Number of nodes.
        kind (str, optional): ``"degree"``, ``"pagerank"`` or ``"eigenvector"``. (default: ``"degree"``)

    Shapes:
        - **output:** :math:`(n)`, not negative
    """
    edges, weight = check_weighted_edges(edge_index, num_nodes)
    check_choice("kind", kind, CENTRALITIES)
    functions = {"degree": degree_centrality, "pagerank": pagerank, "eigenvector": eigenvector_centrality}
    return functions[kind](edges, num_nodes, weight=weight)
