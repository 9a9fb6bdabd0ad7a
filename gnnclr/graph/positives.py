"""Further positives for a graph, none of them twice."""

import torch
from torch import Tensor

from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.ops.check import describe


def check_positives(data: ContrastGraph) -> ContrastGraph:
    """Returns ``data`` if its positives are edges, and raises a :class:`ValueError` otherwise."""
    if not isinstance(data, ContrastGraph) or data.x is None or data.edge_index is None:
        raise ValueError(
            f"'data' must have 'x' and 'edge_index': build it with augmentation_graph, edges=True "
            f"(got {describe(data)})"
        )
    return data


def is_positive(graph: ContrastGraph, edge_index: Tensor) -> Tensor:
    """Whether each edge is a positive of the graph already, in this direction [e]."""
    n = graph.num_nodes
    known, new = (source * n + target for source, target in (graph.edge_index, edge_index))
    return torch.isin(new, known)


def first_per_target(edge_index: Tensor, k: int, num_nodes: int) -> Tensor:
    """The first ``k`` edges of each target, where edges are grouped by target in ascending order."""
    target = edge_index[1]
    degree = torch.bincount(target, minlength=num_nodes)
    first = degree.cumsum(0) - degree
    return edge_index[:, torch.arange(target.numel(), device=target.device) - first[target] < k]


def add_positives(graph: ContrastGraph, edge_index: Tensor, weight: Tensor) -> ContrastGraph:
    """Adds positives with their weights to a graph, in place; those that it had keep theirs, one by default.

    Args:
        graph (ContrastGraph): The graph, with ``edge_index``.
        edge_index (Tensor): New positives [2, e].
        weight (Tensor): Their weights [e].
    """
    old = graph.edge_weight
    old = weight.new_ones(graph.edge_index.size(1)) if old is None else old.to(weight.dtype)
    graph.edge_weight = torch.cat([old, weight])
    graph.edge_index = torch.cat([graph.edge_index, edge_index], dim=1)
    return graph
