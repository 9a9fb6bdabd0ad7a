import pytest
import torch

from gnnclr.graph import Negatives, augmentation_graph
from gnnclr.graph.negative_blocks import FEW, are_mutual, negative_blocks

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


def allowed(block):
    """The pairs of anchor and candidate of a block."""
    anchors = torch.arange(12) if block.anchors is None else block.anchors
    candidates = torch.arange(12) if block.candidates is None else block.candidates
    keep = torch.ones(len(anchors), len(candidates), dtype=torch.bool)
    keep &= block.groups[0][:, None] != block.groups[1]
    if block.pairs is not None:
        keep[block.pairs[0], block.pairs[1]] = False
    return {(int(anchors[i]), int(candidates[j])) for i, j in keep.nonzero().tolist()}


@pytest.mark.parametrize("edges", [False, True])
@pytest.mark.parametrize("rule", [Negatives(), Negatives(scope="other"), Negatives(candidates=(1,))])
def test_blocks_of_some_nodes_have_their_pairs_alone(rule, edges):
    graph = augmentation_graph(VIEWS)
    if edges:  # across groups, so that pairs are listed
        graph.edge_index = torch.cat([graph.edge_index, torch.tensor([[2, 9, 4], [3, 2, 11]])], dim=1)
    some = torch.arange(12) % 3 == 1
    blocks = [block.among(some) for block in negative_blocks(graph.x, graph, rule)]
    nodes = torch.arange(12)
    allows = rule.allows(graph, nodes, nodes[:, None])  # by anchor and candidate
    expected = {(i, j) for i, j in allows.nonzero().tolist() if some[i]}
    found = [allowed(block) for block in blocks]
    assert set.union(*found) == expected and sum(map(len, found)) == len(expected)


@pytest.mark.parametrize(
    "rule,parts,expected",
    [
        (Negatives(), {}, True),
        (Negatives(scope="other"), {}, True),
        (Negatives(scope="same", candidates=(0, 1)), {}, True),
        (Negatives(candidates=(1,)), {}, False),
        (Negatives(candidates=(1,)), {"anchor": torch.arange(12) >= 6}, True),
        (Negatives(), {"anchor": torch.arange(12) >= 6}, False),
        (Negatives(scope="same"), {"anchor": torch.arange(12) >= 6}, True),
        (Negatives(scope="same"), {"anchor": torch.arange(12) >= 7}, False),
        (Negatives(scope="other"), {"anchor": torch.arange(12) >= 6}, False),
        (Negatives(log_weight=WEIGHT), {}, False),
        (Negatives(log_weight=WEIGHT, symmetric_weight=True), {}, True),
        (Negatives(), {"ignore_index": torch.tensor([[0], [3]])}, False),
        (Negatives(), {"ignore_index": torch.tensor([[0, 3], [3, 0]])}, True),
    ],
)
def test_whether_nodes_repel_each_other_both_ways(rule, parts, expected):
    graph = augmentation_graph(VIEWS)
    for name, value in parts.items():
        setattr(graph, name, value)
    assert are_mutual(graph, rule) == expected
    nodes = torch.arange(12)
    allows = rule.allows(graph, nodes, nodes[:, None])
    if rule.log_weight is None:
        assert bool((allows == allows.t()).all()) == expected
