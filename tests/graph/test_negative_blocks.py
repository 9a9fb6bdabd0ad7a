import pytest
import torch

from gnnclr.graph import Negatives, augmentation_graph
from gnnclr.graph.negative_blocks import FEW, negative_blocks

VIEWS = list(torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0)))
WEIGHT = (torch.rand(12, 2), torch.rand(12, 2))


def test_batches_of_one_structure_have_the_same_blocks():
    one, other = augmentation_graph(VIEWS), augmentation_graph([view + 1 for view in VIEWS])
    rule = Negatives(scope="other")
    blocks = negative_blocks(one.x, one, rule)
    assert negative_blocks(other.x, other, Negatives(scope="other")) is blocks and len(blocks) == 2
    assert len(negative_blocks(one.x, one, Negatives())) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda graph: graph.anchor.logical_not_(),
        lambda graph: setattr(graph, "group", torch.zeros(12, dtype=torch.long)),
        lambda graph: setattr(graph, "edge_index", torch.tensor([[0, 3], [3, 0]])),
    ],
)
def test_a_changed_structure_has_blocks_of_its_own(change):
    graph = augmentation_graph(VIEWS)
    graph.anchor = torch.arange(12) < 5
    (before,) = negative_blocks(graph.x, graph, Negatives())
    change(graph)
    (after,) = negative_blocks(graph.x, graph, Negatives())
    assert after is not before
    (expected,) = negative_blocks(graph.x, graph.clone(), Negatives())  # of other tensors
    for name in ("anchors", "candidates", "groups", "pairs"):
        assert str(getattr(after, name)) == str(getattr(expected, name))


def test_weights_decide_about_symmetry_alone():
    graph = augmentation_graph(VIEWS)
    plain, weighted, symmetric = (
        negative_blocks(graph.x, graph, rule)[0]
        for rule in (
            Negatives(),
            Negatives(log_weight=WEIGHT),
            Negatives(log_weight=WEIGHT, symmetric_weight=True),
        )
    )
    assert plain.symmetric and symmetric.symmetric and not weighted.symmetric
    assert plain.groups is weighted.groups


def test_long_lists_are_not_kept():
    graph = augmentation_graph(VIEWS)
    source, target = torch.cartesian_prod(torch.arange(12), torch.arange(12)).t()
    graph.edge_index = torch.stack([source, target])[:, source != target]
    assert graph.edge_index.size(1) > FEW * 12
    one, other = (negative_blocks(graph.x, graph, Negatives())[0] for _ in range(2))
    assert one is not other and one.pairs.size(1) == other.pairs.size(1) > 0
