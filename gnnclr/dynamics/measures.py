"""Default measures of a simulation."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch_geometric.utils import scatter

from gnnclr.eval import alignment, effective_rank, positive_similarity, uniformity
from gnnclr.graph import ContrastGraph
from gnnclr.ops.unit_rows import unit_rows

Measure = Callable[[Tensor], Tensor]


def sphere_measures(graph: ContrastGraph) -> dict[str, Measure]:
    """The measures of :func:`~gnnclr.dynamics.simulate`: :func:`~gnnclr.eval.alignment` and
    :func:`~gnnclr.eval.positive_similarity` of the positives of a graph, each pair counting once whatever its weight;
    :func:`~gnnclr.eval.uniformity` and :func:`~gnnclr.eval.effective_rank` of all its nodes.

    Positives that are rows of the bank are left out.

    Args:
        graph (ContrastGraph): The graph whose embeddings are measured.

    Returns:
        dict: Name to function of the embeddings [n, d]. Without a positive the first two are NaN.
    """
    if graph.edge_index is None:
        similarity = _group_similarity(graph.group)
        # On the sphere ‖a − b‖² = 2 − 2⟨a, b⟩.
        of_pairs = {"alignment": lambda z: 2 - 2 * similarity(z), "positive_similarity": similarity}
    else:
        edges = graph.edge_index[:, graph.edge_index[0] < graph.num_nodes]
        of_pairs = {
            "alignment": lambda z: alignment(z[edges[0]], z[edges[1]]),
            "positive_similarity": lambda z: positive_similarity(z, edges),
        }
    return of_pairs | {"uniformity": uniformity, "effective_rank": effective_rank}


def _group_similarity(group: Tensor) -> Measure:
    """The mean similarity of the pairs within groups, from the sums of the groups: in linear memory."""
    _, group, size = torch.unique(group, return_inverse=True, return_counts=True)
    pairs = (size * (size - 1)).sum()

    def similarity(z: Tensor) -> Tensor:
        z = unit_rows(z.detach()).double()
        within = scatter(z, group, dim_size=size.numel(), reduce="sum").square().sum() - z.square().sum()
        return within / pairs

    return similarity
