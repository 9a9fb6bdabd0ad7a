"""The explicit pairs that repel."""

from torch import Tensor

from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.extra_negatives import ExtraNegatives
from gnnclr.graph.pairs import is_among


def explicit_negatives(graph: ContrastGraph) -> Tensor:
    """Lists the pairs of ``graph.negative_index`` that repel [2, e]: whose target is an anchor and whose source is
    another node, without those that are ignored. A pair that is there twice counts twice.

    Args:
        graph (ContrastGraph): The graph, with ``negative_index``.
    """
    edge_index = graph.negative_index
    keep = _may_repel(graph, edge_index)
    if graph.ignore_index is not None and graph.ignore_index.numel():
        keep &= ~is_among(edge_index, graph.ignore_index, graph.num_nodes)
    return edge_index[:, keep]


def extra_negatives(graph: ContrastGraph) -> ExtraNegatives | None:
    """Returns the pairs of ``graph.extra`` that repel: as :func:`explicit_negatives`, but also those that are ignored,
    as a pair that is ignored and extra is one of another weight. ``None`` for a graph that has no extra negatives."""
    extra = graph.extra
    return None if extra is None or len(extra) == 0 else extra.keep(_may_repel(graph, extra.index))


def _may_repel(graph: ContrastGraph, edge_index: Tensor) -> Tensor:
    """Which pairs have an anchor as target, and something else as source [e]."""
    source, target = edge_index
    keep = source != target
    return keep if graph.anchor is None else keep & graph.anchor[target]


def refuse_extra_negatives(graph: ContrastGraph, layer: object) -> None:
    """Raises a :class:`ValueError` if a graph has extra negatives: for layers where a pair has neither scale nor
    weight."""
    if graph.extra is not None and len(graph.extra):
        raise ValueError(
            f"'graph.extra' must be absent: pairs of {type(layer).__name__} have neither scale nor weight (got "
            f"{len(graph.extra)} extra negatives)"
        )
