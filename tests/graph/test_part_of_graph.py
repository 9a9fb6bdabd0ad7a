"""Pairs of a part of a batch are those of the batch."""

import pytest
import torch
from torch import Tensor

from gnnclr.graph import AddKNNPositives, ContrastGraph, Negatives, augmentation_graph
from gnnclr.graph.explicit_negatives import extra_negatives
from gnnclr.graph.log_weight import add_log_weight
from gnnclr.graph.negative_pairs import negative_pairs
from gnnclr.graph.pair_exceptions import add_extra_negatives, ignore_negatives, pair_log_weight
from gnnclr.graph.part_of_graph import part_of_graph

NODES = torch.tensor([9, 1, 3, 8, 0])
LABELS = torch.arange(6) % 3


def views():
    return list(torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0)))


def weighed(graph):
    return add_log_weight(graph, torch.arange(24.0).view(12, 2), torch.arange(28.0).view(14, 2), False)


GRAPHS = {
    "views": lambda: augmentation_graph(views()),
    "implicit labels": lambda: augmentation_graph(views(), labels=LABELS, edges=False),
    "labels": lambda: augmentation_graph(views(), labels=LABELS),
    "neighbors": lambda: AddKNNPositives(k=4)(augmentation_graph(views())),
    "the other view": lambda: augmentation_graph(views(), negatives=Negatives(scope="other")),
    "one way": lambda: augmentation_graph(views(), negatives=Negatives(candidates=(1,))),
    "a bank": lambda: augmentation_graph(views(), bank=torch.randn(2, 4)),
    "weights": lambda: weighed(augmentation_graph(views(), bank=torch.randn(2, 4))),
    "ignored": lambda: ignore_negatives(augmentation_graph(views()), torch.tensor([[1, 5, 9], [3, 1, 0]])),
    "extra": lambda: add_extra_negatives(
        augmentation_graph(views(), bank=torch.randn(2, 4)),
        torch.tensor([[1, 5, 13, 9], [3, 1, 8, 0]]),
        torch.arange(4.0),
    ),
    "explicit": lambda: ContrastGraph(torch.cat(views()), negative_index=torch.tensor([[1, 5, 9], [3, 1, 0]])),
    "edges from a bank": lambda: ContrastGraph(
        torch.cat(views()),
        torch.tensor([[12, 13, 4, 1], [1, 2, 3, 8]]),
        torch.tensor([1.0, 2.0, 3.0, 4.0]),
        bank=torch.randn(2, 4),
        anchor=torch.arange(12) > 0,
    ),
}


def listed(pairs: Tensor, number: dict[int, int], *values: Tensor | None) -> set[tuple[float, ...]]:
    """The pairs between known nodes, by the numbers that they have in the batch, with values of each."""
    columns = [[] if value is None else value.tolist() for value in values]
    found = set()
    for e, (source, target) in enumerate(pairs.t().tolist()):
        if source in number and target in number:
            found.add((number[source], number[target], *(column[e] for column in columns if column)))
    return found


@pytest.mark.parametrize("name", GRAPHS)
def test_pairs_between_the_nodes_stay(name):
    graph = GRAPHS[name]()
    part = part_of_graph(graph, NODES)
    assert part.validate()
    rows = range(12, graph.num_candidates)
    whole = {i: i for i in [*NODES.tolist(), *rows]}
    moved = dict(enumerate([*NODES.tolist(), *rows]))
    assert torch.equal(part.x, graph.x[NODES]) and torch.equal(part.view, graph.view[NODES])
    assert listed(part.positives, moved, part.edge_weight) == listed(graph.positives, whole, graph.edge_weight)
    values = [pair_log_weight(g, negative_pairs(g), torch.double) for g in (part, graph)]
    repel = listed(negative_pairs(part), moved, values[0])
    assert repel == listed(negative_pairs(graph), whole, values[1]) and repel
    extras = [extra_negatives(g) for g in (part, graph)]
    if extras[1] is not None:
        kept = listed(extras[0].index, moved, extras[0].scale)
        assert kept == listed(extras[1].index, whole, extras[1].scale) and len(kept) == 3
