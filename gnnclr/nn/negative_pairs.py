"""The list of the pairs that repel."""

import torch
from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.nn.negative_blocks import NegativeBlock, explicit_negatives, negative_blocks
from gnnclr.ops.exclusion import Exclusion


def negative_pairs(graph: ContrastGraph) -> Tensor:
    r"""The negatives that layers see, by the rule of a graph or its ``negative_index``, as candidate and anchor [2, e];
    each once, ordered by anchor. Candidates from ``num_nodes`` on are rows of the bank. ``extra_index`` is not here.

    For pictures and tables of one batch: rules have quadratically many pairs, which layers never list.

    Args:
        graph (ContrastGraph): The graph.
    """
    total, node = graph.num_candidates, torch.arange(graph.num_nodes, device=graph.sample.device)
    if graph.negative_index is not None:
        source, target = explicit_negatives(graph)
    else:
        blocks = negative_blocks(graph.sample.unsqueeze(1), graph, graph.negatives)
        empty = graph.sample.new_empty(2, 0)
        source, target = torch.cat([empty, *(_pairs(block, node) for block in blocks)], dim=1)
    code = torch.unique(target * total + source)
    return torch.stack([code % total, code // total]) if total else torch.stack([source, target])


def _pairs(block: NegativeBlock, node: Tensor) -> Tensor:
    anchors, candidates = block.of_anchors(node), node
    if block.bank is not None:  # its rows come behind the nodes
        candidates = node.numel() + torch.arange(block.bank.size(0), device=node.device)
    candidates = block.of_candidates(candidates)
    keep = torch.ones(anchors.numel(), candidates.numel(), dtype=torch.bool, device=node.device)
    every = slice(0, anchors.numel()), slice(0, candidates.numel())
    groups = (None, None) if block.groups is None else block.groups
    Exclusion(*groups, block.pairs, ranges=False).mask_(keep, *every, False)
    anchor, candidate = keep.nonzero(as_tuple=True)
    return torch.stack([candidates[candidate], anchors[anchor]])
