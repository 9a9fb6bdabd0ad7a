"""The list of the pairs that repel."""

import torch
from torch import Tensor

from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.explicit_negatives import explicit_negatives


def negative_pairs(graph: ContrastGraph) -> Tensor:
    r"""Lists the negatives that layers see, by the rule of a graph or its ``negative_index``, as candidate and anchor
    [2, e]; each once, ordered by anchor. Candidates from ``num_nodes`` on are rows of the bank. Those of
    ``graph.extra`` are not here.

    For pictures and tables of one batch: rules have quadratically many pairs, which layers never list.

    Args:
        graph (ContrastGraph): The graph.
    """
    device = graph.sample.device
    anchor = torch.arange(graph.num_nodes, device=device).unsqueeze(1)
    candidate = torch.arange(graph.num_candidates, device=device)
    if graph.negative_index is None:
        repels = graph.negatives.allows(graph, candidate, anchor)
    else:
        source, target = explicit_negatives(graph)
        repels = torch.zeros(anchor.numel(), candidate.numel(), dtype=torch.bool, device=device)
        repels[target, source] = True
    return repels.nonzero().t().flip(0)
