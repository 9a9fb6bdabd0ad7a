"""Changes of the positives of a graph; none is added twice."""

import torch
from torch import Tensor

from gnnclr.graph.check_graph import check_graph
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.pair_exceptions import ignore_negatives
from gnnclr.graph.pairs import is_among


def check_positives(data: ContrastGraph, with_x: bool = True) -> ContrastGraph:
    """Returns ``data`` with its positives as edges, where they were implicit, or raises a :class:`ValueError` if it is
    no graph of a batch, or has no embeddings.

    Args:
        data (ContrastGraph): The graph.
        with_x (bool, optional): Whether it must have embeddings. (default: ``True``)
    """
    check_graph(data, with_x)
    data.edge_index = data.positives
    return data


def is_positive(graph: ContrastGraph, edge_index: Tensor) -> Tensor:
    """Whether each edge is a positive of the graph already, in this direction [e]."""
    return is_among(edge_index, graph.edge_index, graph.num_nodes)


def first_per_target(target: Tensor, k: int) -> Tensor:
    """Mask of the first ``k`` edges of each target [e], where targets are in ascending order."""
    degree = torch.bincount(target)
    first = degree.cumsum(0) - degree
    return torch.arange(target.numel(), device=target.device) - first[target] < k


def top_per_target(score: Tensor, target: Tensor, k: int) -> Tensor:
    """Mask of the ``k`` edges of the highest score of each target [e], in any order; the first of equal ones."""
    order = torch.argsort(score, descending=True, stable=True)
    order = order[torch.argsort(target[order], stable=True)]
    return torch.empty_like(target, dtype=torch.bool).index_copy_(0, order, first_per_target(target[order], k))


def edge_weights(graph: ContrastGraph) -> Tensor:
    """The weight of each positive of a graph, one by default, in float32 at least [e].

    Args:
        graph (ContrastGraph): The graph, with ``edge_index``.
    """
    dtype = torch.float32 if graph.x is None else torch.promote_types(graph.x.dtype, torch.float32)
    if graph.edge_weight is not None:
        return graph.edge_weight.to(dtype)
    return torch.ones(graph.edge_index.size(1), dtype=dtype, device=graph.edge_index.device)


def add_positives(graph: ContrastGraph, edge_index: Tensor, weight: Tensor) -> ContrastGraph:
    """Adds positives with their weights to a graph, in place; those that it had keep theirs, one by default.

    Args:
        graph (ContrastGraph): The graph, with ``edge_index``.
        edge_index (Tensor): New positives [2, e].
        weight (Tensor): Their weights [e].
    """
    if edge_index.size(1):
        old = edge_weights(graph)
        graph.edge_weight = torch.cat([old, weight.to(old.dtype)])
        graph.edge_index = torch.cat([graph.edge_index, edge_index], dim=1)
    return drop_extra_positives(graph)


def drop_extra_positives(graph: ContrastGraph) -> ContrastGraph:
    """Takes positives from the extra negatives of a graph, in place, under a rule where positives do not repel."""
    extra, rule = graph.extra, graph.negatives
    if extra is not None and rule.spares_positives and graph.negative_index is None:
        graph.extra = extra.keep(~is_among(extra.index, rule.spared(graph), graph.num_nodes))
    return graph


def ignore_positives(graph: ContrastGraph, edge_index: Tensor) -> ContrastGraph:
    """Stops removed positives from becoming negatives, in place, under a rule where positives do not repel.

    Args:
        graph (ContrastGraph): The graph.
        edge_index (Tensor): The edges that are, or are about to be, no positives any more [2, e].
    """
    if not graph.negatives.spares_positives or graph.negative_index is not None:
        return graph
    n = graph.num_nodes
    inside = edge_index[:, edge_index[0] < n]
    inside = inside[:, graph.group[inside[0]] != graph.group[inside[1]]]  # the others are no negatives anyway
    pairs = [inside, inside.flip(0)]
    if graph.bank is not None and graph.negatives.bank:
        pairs.append(edge_index[:, edge_index[0] >= n])
    pairs = torch.cat(pairs, dim=1)
    return ignore_negatives(graph, pairs) if pairs.size(1) else graph
