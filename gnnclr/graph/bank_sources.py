"""Rows of a bank as sources of positives."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from gnnclr.graph.bank import Bank
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.feature_bank import FeatureBank
from gnnclr.ops.unit_rows import unit_rows


def bank_sources(graph: ContrastGraph, bank: FeatureBank, row: Tensor) -> Tensor:
    """The numbers that rows of a bank have as sources of the edges of a graph [e].

    A graph whose bank holds the features of ``bank`` has them all. Otherwise rows that are no sources of positives yet
    are appended to ``graph.bank``, in place: they attract, and do not repel.

    Args:
        graph (ContrastGraph): The graph, with ``x`` and ``edge_index``.
        bank (FeatureBank): The bank.
        row (Tensor): Rows of ``bank.features`` [e], some perhaps more than once.
    """
    n, features, row = graph.num_nodes, bank.features, row.to(graph.x.device)
    if graph.bank is not None and _same_rows(graph.bank.rows, features):
        return n + row
    used, inverse = torch.unique(row, return_inverse=True)
    rows = features[used.to(features.device)].to(graph.x.device)
    held = torch.full_like(used, -1) if graph.bank is None else _held(graph, rows)
    start = graph.num_candidates - n
    new = held < 0
    append_rows(graph, rows[new])
    return n + torch.where(new, start + new.cumsum(0) - 1, held)[inverse]


def _same_rows(rows: Tensor, features: Tensor) -> bool:
    """Whether both have the same directions, in the same order."""
    if rows.shape != features.shape:
        return False
    rows, features = rows.detach(), features.detach().to(rows)
    return torch.equal(rows, features) or torch.allclose(unit_rows(rows), unit_rows(features), rtol=0, atol=1e-5)


def _held(graph: ContrastGraph, rows: Tensor) -> Tensor:
    """The row of the graph's bank that equals each of ``rows`` and attracts already [u], -1 for none."""
    known = torch.unique(graph.edge_index[0]) - graph.num_nodes
    known = known[known >= 0]
    key = torch.unique(torch.cat([graph.bank.rows[known], rows]), dim=0, return_inverse=True)[1]
    number = key.new_full((key.numel(),), -1)
    number[key[: known.numel()]] = known
    return number[key[known.numel() :]]


def append_rows(graph: ContrastGraph, rows: Tensor) -> Tensor:
    """Appends rows to the bank of a graph that are no candidates of any anchor, in place; their numbers as sources [r].

    Args:
        graph (ContrastGraph): The graph.
        rows (Tensor): The rows [r, d].
    """
    count, start = rows.size(0), graph.num_candidates
    number = torch.arange(start, start + count, device=rows.device)
    if count == 0:
        return number
    if graph.bank is None:
        graph.bank, graph.negatives = Bank(rows), replace(graph.negatives, bank=False)
        return number
    graph.bank, rule = graph.bank.append(rows, candidate=False), graph.negatives
    if rule.log_weight is not None and rule.log_weight[1].size(0) > graph.num_nodes:
        a, b = rule.log_weight
        graph.negatives = replace(rule, log_weight=(a, pad(b, (0, 0, 0, count))))
    return number
