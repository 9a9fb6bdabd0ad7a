"""Adds low-rank log-weights to the negatives of a graph."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from gnnclr.graph.contrast_graph import ContrastGraph


def weight_dtype(graph: ContrastGraph) -> torch.dtype:
    """The type in which log-weights of a graph are computed: that of its embeddings, float32 at least."""
    return torch.float32 if graph.x is None else torch.promote_types(graph.x.dtype, torch.float32)


def add_log_weight(graph: ContrastGraph, a: Tensor, b: Tensor, symmetric: bool) -> ContrastGraph:
    r"""Adds :math:`\langle \mathbf{a}_i, \mathbf{b}_j \rangle` to the log-weights of the negatives of a graph, in
    place.

    Args:
        graph (ContrastGraph): The graph.
        a (Tensor): Columns of the anchors [n, r].
        b (Tensor): Columns of the candidates [n, r], or of candidates and rows of the bank [n + m, r].
        symmetric (bool): Whether the product is symmetric over nodes.
    """
    if graph.negative_index is not None:
        raise ValueError("'data.negative_index' must be absent: explicit negatives have no weights")
    rule = graph.negatives
    if rule.log_weight is not None:
        symmetric = symmetric and rule.symmetric_weight
        a = torch.cat([rule.log_weight[0].to(a), a], dim=1)
        old = rule.log_weight[1].to(b)
        rows = max(old.size(0), b.size(0))
        b = torch.cat([pad(x, (0, 0, 0, rows - x.size(0))) for x in (old, b)], dim=1)
    graph.negatives = replace(rule, log_weight=(a, b), symmetric_weight=symmetric)
    return graph
