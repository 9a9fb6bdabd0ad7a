"""A part of a contrastive batch."""

from dataclasses import replace

import torch
from torch import Tensor

from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.extra_negatives import ExtraNegatives


def part_of_graph(graph: ContrastGraph, nodes: Tensor) -> ContrastGraph:
    """The graph of some nodes of a batch and of its whole bank, with all pairs between them as they are in the batch:
    who attracts and who repels whom stays the same.

    Args:
        graph (ContrastGraph): The batch.
        nodes (Tensor): Its nodes [k], each once.
    """
    n, k = graph.num_nodes, nodes.numel()
    # Rows of the bank lie behind the nodes.
    number = torch.full((graph.num_candidates,), -1, dtype=torch.long, device=nodes.device)
    number[nodes] = torch.arange(k, device=nodes.device)
    number[n:] = torch.arange(k, k + graph.num_candidates - n, device=nodes.device)

    def inside(pairs: Tensor) -> tuple[Tensor, Tensor]:
        moved = number[pairs]
        keep = (moved >= 0).all(dim=0)
        return moved[:, keep], keep

    parts: dict[str, Tensor | ExtraNegatives] = {}
    for name in ("x", "sample", "view", "group", "anchor", "anchor_weight", "features", "sample_id"):
        if (value := getattr(graph, name, None)) is not None:
            parts[name] = value[nodes]
    if graph.edge_index is not None:
        parts["edge_index"], keep = inside(graph.edge_index)
        if graph.edge_weight is not None:
            parts["edge_weight"] = graph.edge_weight[keep]
    for name in ("negative_index", "ignore_index"):
        if (value := getattr(graph, name)) is not None:
            parts[name] = inside(value)[0]
    if graph.extra is not None:
        index, keep = inside(graph.extra.index)
        parts["extra"] = replace(graph.extra.keep(keep), index=index)
    rule = graph.negatives
    if rule.log_weight is not None:
        a, b = rule.log_weight
        rule = replace(rule, log_weight=(a[nodes], torch.cat([b[nodes], b[n:]])))
    return ContrastGraph(**parts, negatives=rule, bank=graph.bank, reduction=graph.reduction)
