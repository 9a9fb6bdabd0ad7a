"""Exceptions to the rule of negatives, pair by pair."""

import torch
from torch import Tensor

from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.extra_negatives import ExtraNegatives


def ignore_negatives(graph: ContrastGraph, edge_index: Tensor) -> ContrastGraph:
    """Takes pairs of candidate and anchor from the negatives of a graph, in place; returns the graph.

    Args:
        graph (ContrastGraph): The graph.
        edge_index (Tensor): Candidates and anchors [2, e].
    """
    old = graph.ignore_index
    graph.ignore_index = edge_index if old is None else torch.cat([old, edge_index], dim=1)
    return graph


def add_extra_negatives(
    graph: ContrastGraph, edge_index: Tensor, scale: Tensor | None = None, log_weight: Tensor | None = None
) -> ContrastGraph:
    """Adds explicit negatives beside those that a graph has, in place; returns the graph.

    Args:
        graph (ContrastGraph): The graph.
        edge_index (Tensor): Candidates and anchors [2, e].
        scale (Tensor, optional): Factor on the score of each [e]. (default: ones)
        log_weight (Tensor, optional): Logarithm of the weight of each [e]. (default: zeros)
    """
    new = ExtraNegatives(edge_index, scale, log_weight)
    graph.extra = new if graph.extra is None else graph.extra.append(new)
    return graph


def pair_log_weight(graph: ContrastGraph, edge_index: Tensor, dtype: torch.dtype) -> Tensor | None:
    r"""The log-weight :math:`\langle \mathbf{a}_i, \mathbf{b}_j \rangle` that the rule of a graph gives to explicit
    pairs [e]; ``None`` for a rule without weights. A bank without weights of its own weighs one.

    Args:
        graph (ContrastGraph): The graph.
        edge_index (Tensor): Candidates and anchors [2, e].
        dtype (torch.dtype): The type of the log-weights.
    """
    if graph.negatives.log_weight is None:
        return None
    a, b = (x.to(dtype) for x in graph.negatives.log_weight)
    source, target = edge_index
    if b.size(0) == 0:
        return a.new_zeros(source.numel())
    known = source < b.size(0)
    return known * torch.linalg.vecdot(a[target], b[source.clamp(max=b.size(0) - 1)])
