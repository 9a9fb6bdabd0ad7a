"""Centralities of nodes."""

import torch
from torch import Tensor
from torch_geometric.utils import degree, to_undirected

from gnnclr.node.sparse.csr import csr_tensor
from gnnclr.ops.check import check_choice, check_edges

CENTRALITIES = ("degree", "pagerank", "eigenvector")


def degree_centrality(edge_index: Tensor, num_nodes: int) -> Tensor:
    """The number of neighbors of each node, whichever way edges point.

    Args:
        edge_index (Tensor): Edges [2, e].
        num_nodes (int): Number of nodes.

    Shapes:
        - **output:** :math:`(n)`
    """
    return degree(to_undirected(edge_index, num_nodes=num_nodes)[1], num_nodes)


def pagerank(edge_index: Tensor, num_nodes: int, damping: float = 0.85, steps: int = 100) -> Tensor:
    r"""PageRank by power iteration, of sum one.

    .. math:: \mathbf{x} \leftarrow \frac{1 - \beta}{n} + \beta \sum_{j \to i} \frac{x_j}{d_j}

    Nodes without an outgoing edge pass their rank on to all nodes, as in networkx, which is no dependency and works on
    the CPU alone.

    Args:
        edge_index (Tensor): Edges [2, e], source to target.
        num_nodes (int): Number of nodes.
        damping (float, optional): The factor :math:`\beta`. (default: ``0.85``)
        steps (int, optional): Iterations; the error falls as :math:`\beta^{\text{steps}}`. (default: ``100``)

    Shapes:
        - **output:** :math:`(n)`
    """
    source, target = edge_index
    out = degree(source, num_nodes)
    share = csr_tensor(target, source, out.reciprocal()[source], (num_nodes, num_nodes))
    uniform = 1 / max(num_nodes, 1)
    x = torch.full((num_nodes, 1), uniform, device=edge_index.device)
    dangling = (out == 0).unsqueeze(1)
    for _ in range(steps):
        x = damping * (share @ x + (x * dangling).sum() * uniform) + (1 - damping) * uniform
    return x.squeeze(1)


def eigenvector_centrality(edge_index: Tensor, num_nodes: int, steps: int = 200) -> Tensor:
    r"""The leading eigenvector of the adjacency matrix by power iteration, of length one.

    The iteration adds the vector itself, :math:`\mathbf{x} \leftarrow \mathbf{x} + \mathbf{A} \mathbf{x}`, so that it
    converges on bipartite graphs too, as in networkx, which is no dependency. Outside the component with the largest
    eigenvalue values are about zero.

    Args:
        edge_index (Tensor): Edges [2, e], source to target.
        num_nodes (int): Number of nodes.
        steps (int, optional): Iterations. (default: ``200``)

    Shapes:
        - **output:** :math:`(n)`
    """
    source, target = edge_index
    matrix = csr_tensor(target, source, torch.ones_like(source, dtype=torch.float32), (num_nodes, num_nodes))
    x = torch.ones(num_nodes, 1, device=edge_index.device)
    for _ in range(steps):
        x = x + matrix @ x
        x = x / x.norm()
    return x.squeeze(1)


def centrality(edge_index: Tensor, num_nodes: int, kind: str = "degree") -> Tensor:
    """The centrality of each node.

    Args:
        edge_index (Tensor): Edges [2, e], source to target.
        num_nodes (int): Number of nodes.
        kind (str, optional): ``"degree"``, ``"pagerank"`` or ``"eigenvector"``. (default: ``"degree"``)

    Shapes:
        - **output:** :math:`(n)`, not negative
    """
    edge_index = check_edges(edge_index, num_nodes)
    check_choice("kind", kind, CENTRALITIES)
    functions = {"degree": degree_centrality, "pagerank": pagerank, "eigenvector": eigenvector_centrality}
    return functions[kind](edge_index, num_nodes)
