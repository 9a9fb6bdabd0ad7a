"""The simple undirected graph in which communities are found."""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.utils import remove_self_loops, to_scipy_sparse_matrix, to_undirected

from gnnclr.graph.weighted_edges import Edges, check_weighted_edges


def simple_edges(edges: Edges, num_nodes: int) -> tuple[Tensor, Tensor]:
    """Both directions of every edge, each once and sorted, and their weights in float64; self-loops, which join no
    communities, and edges of weight zero are left out.

    An edge that is there several times, in one direction or both, has the mean of its weights, and 1 where it has none.

    Args:
        edges (Tensor or WeightedEdges): Edges [2, e], directed or not, with or without repetitions.
        num_nodes (int): Number of nodes.
    """
    edge_index, weight = check_weighted_edges(edges, num_nodes)
    if weight is None:
        edge_index = to_undirected(remove_self_loops(edge_index)[0], num_nodes=num_nodes)
        return edge_index, torch.ones(edge_index.size(1), dtype=torch.float64, device=edge_index.device)
    edge_index, weight = remove_self_loops(edge_index[:, weight > 0], weight[weight > 0].double())
    return to_undirected(edge_index, weight, num_nodes=num_nodes, reduce="mean")


def sparse_matrix(index: Tensor, value: Tensor, size: tuple[int, int]) -> Tensor:
    """A sparse COO matrix with entries ``value`` [e] at ``index`` [2, e]; entries at one place add up."""
    return torch.sparse_coo_tensor(index, value, size, check_invariants=False).coalesce()


def by_size(community: Tensor) -> Tensor:
    """The same partition with labels 0 to K − 1, the largest community first."""
    _, label, size = torch.unique(community, return_inverse=True, return_counts=True)
    rank = torch.empty_like(size)
    rank[torch.argsort(size, descending=True, stable=True)] = torch.arange(size.numel(), device=size.device)
    return rank[label]


def partition_of(model: Any, edges: Edges, num_nodes: int) -> Tensor:
    """The partition that a clustering of :mod:`sknetwork` finds, the largest community first [n]."""
    edge_index, weight = simple_edges(edges, num_nodes)
    if edge_index.numel() == 0:
        return torch.arange(num_nodes, device=edge_index.device)
    label = model.fit_predict(to_scipy_sparse_matrix(edge_index, weight, num_nodes).tocsr())
    return by_size(torch.from_numpy(label).to(edge_index.device, torch.int64))


def components(edge_index: Tensor, num_nodes: int) -> Tensor:
    """The connected component of each node [n], numbered in the order of their first nodes."""
    from scipy.sparse.csgraph import connected_components

    label = connected_components(to_scipy_sparse_matrix(edge_index, num_nodes=num_nodes), directed=False)[1]
    return torch.from_numpy(label).to(edge_index.device, torch.int64)


def connected_parts(community: Tensor, edge_index: Tensor) -> Tensor:
    """Each connected part of each community as a community of its own, the largest first [n]."""
    inside = edge_index[:, community[edge_index[0]] == community[edge_index[1]]]
    return by_size(components(inside, community.numel()))
