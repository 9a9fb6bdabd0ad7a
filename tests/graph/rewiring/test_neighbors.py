import pytest
import torch
import torch_geometric.transforms as T
from contracts.loss import explicit_graph, make_views
from contracts.rewiring import RewiringContract

from gnnclr.graph import AddKNNPositives, ContrastGraph, Negatives, augmentation_graph, knn_graph
from gnnclr.graph.communities import ExcludeCommunity
from gnnclr.graph.rewiring.neighbors import AddNeighborPositives
from gnnclr.losses import NTXentLoss


class TestAddNeighborPositives(RewiringContract):
    def make(self):
        return AddNeighborPositives(torch.tensor([[8, 2, 3], [2, 0, 7]]))


#: Sample 1 and 2 are neighbors of 0, 0 of 1, and 3 of itself, which says nothing.
NEIGHBORS = torch.tensor([[1, 2, 0, 3, 2], [0, 0, 1, 3, 0]])


def batch(views=2):
    return augmentation_graph([view.double() for view in make_views(4, 6, views)])


def added(graph, views=2):
    start = 4 * views * (views - 1)
    weights = graph.edge_weight[start:].tolist()
    return dict(zip(zip(*graph.edge_index[:, start:].tolist()), weights))


def test_neighbors_of_the_other_view():
    graph = AddNeighborPositives(NEIGHBORS, weight=0.6)(batch())
    # Node 4 v + i is view v of sample i.
    expected = {(5, 0): 0.3, (6, 0): 0.3, (1, 4): 0.3, (2, 4): 0.3, (4, 1): 0.6, (0, 5): 0.6}
    assert added(graph) == pytest.approx(expected)
    assert graph.edge_weight[:8].eq(1).all() and graph.validate()


def test_neighbors_of_the_same_view_and_of_all():
    same = AddNeighborPositives(NEIGHBORS, weight=0.6, scope="same")(batch())
    assert added(same) == pytest.approx({(1, 0): 0.3, (2, 0): 0.3, (5, 4): 0.3, (6, 4): 0.3, (0, 1): 0.6, (4, 5): 0.6})
    every = AddNeighborPositives(NEIGHBORS, weight=0.6, scope="all")(batch(3))
    assert len(added(every, 3)) == 9 * 3
    per_target = torch.zeros(12, dtype=torch.float64).index_add_(0, every.edge_index[1, 24:], every.edge_weight[24:])
    assert per_target[[0, 1, 4, 5, 8, 9]].tolist() == pytest.approx([0.6] * 6) and per_target[[2, 3]].sum() == 0


def test_weights_of_neighbors():
    weight = torch.tensor([1.0, 3.0, 5.0, 7.0, 2.0])  # the larger of two at one place counts
    graph = AddNeighborPositives(NEIGHBORS, weight=0.6, edge_weight=weight)(batch())
    assert added(graph) == pytest.approx(
        {(5, 0): 0.15, (6, 0): 0.45, (1, 4): 0.15, (2, 4): 0.45, (4, 1): 0.6, (0, 5): 0.6}
    )
    graph = AddNeighborPositives(NEIGHBORS, edge_weight=0 * weight)(batch())
    assert torch.equal(graph.edge_weight[8:], torch.zeros(6)) and graph.validate()


def test_denominator():
    """Neighbors leave the negatives, or stay there: both as if all negatives were written down."""
    graph, loss = batch(), NTXentLoss(0.3)
    out = AddNeighborPositives(NEIGHBORS)(graph)
    torch.testing.assert_close(loss(out.x, out), loss(out.x, explicit_graph(out)), rtol=1e-12, atol=0)
    kept = AddNeighborPositives(NEIGHBORS, in_denominator=True)(graph)
    assert torch.equal(kept.edge_index, out.edge_index)
    explicit = kept.clone()
    explicit.negative_index = explicit_graph(graph).negative_index  # those of the plain graph
    torch.testing.assert_close(loss(kept.x, kept), loss(kept.x, explicit), rtol=1e-12, atol=0)
    assert loss(kept.x, kept) > loss(out.x, out)


def test_denominator_of_other_rules():
    graph = augmentation_graph(batch().x.split(4), negatives=Negatives(exclude="self"))
    assert AddNeighborPositives(NEIGHBORS, in_denominator=True)(graph).negatives.exclude == "self"
    with pytest.raises(ValueError, match="'in_denominator' needs a graph whose positives so far lie within groups"):
        AddNeighborPositives(NEIGHBORS, in_denominator=True)(AddKNNPositives(1)(batch()))


def test_denominator_of_communities():
    """Neighbors of another community stay among the negatives, those of one's own come back in no case."""
    excluded, loss = ExcludeCommunity(torch.tensor([0, 0, 1, 1]))(batch()), NTXentLoss(0.3)
    kept = AddNeighborPositives(NEIGHBORS, in_denominator=True)(excluded)
    assert (5, 0) in added(kept) and (6, 0) in added(kept)  # of samples 1 and 2
    before, after, without = (
        set(zip(*explicit_graph(graph).negative_index.tolist()))
        for graph in (excluded, kept, AddNeighborPositives(NEIGHBORS)(excluded))
    )
    assert after == before and (6, 0) in after and (5, 0) not in after and (6, 0) not in without
    torch.testing.assert_close(loss(kept.x, kept), loss(kept.x, explicit_graph(kept)), rtol=1e-12, atol=0)


def test_twice_changes_nothing_and_known_positives_keep_their_weight():
    rewire = AddNeighborPositives(NEIGHBORS, weight=0.6)
    once = rewire(batch())
    twice = rewire(once)
    assert torch.equal(once.edge_index, twice.edge_index) and torch.equal(once.edge_weight, twice.edge_weight)
    graph = T.Compose([AddKNNPositives(7), rewire])(batch())  # all pairs are positives by then
    assert torch.equal(graph.edge_index, AddKNNPositives(7)(batch()).edge_index)


def test_mini_batches():
    index = torch.tensor([5, 1, 0, 7])
    graph = batch()
    graph.sample_id = index.repeat(2)
    neighbors = torch.tensor([[0, 5, 3, 2, 9], [5, 7, 1, 3, 0]])
    found = added(AddNeighborPositives(neighbors)(graph))
    assert set(found) == {(6, 0), (2, 4), (4, 3), (0, 7)}  # nodes 2 and 6 are views of sample 0
    with pytest.raises(ValueError, match=r"'edge_index' must join the 4 samples of the batch.*got sample 9"):
        AddNeighborPositives(neighbors)(batch())


def test_nearest_neighbors_of_fixed_features():
    """On features that are the embeddings of both views, it is AddKNNPositives within the other view."""
    x = torch.randn(30, 5, generator=torch.Generator().manual_seed(0))
    graph = AddNeighborPositives(knn_graph(x, 3, cosine=True))(augmentation_graph([x, x]))
    s = torch.nn.functional.normalize(x) @ torch.nn.functional.normalize(x).t()
    nearest = s.fill_diagonal_(-2).topk(3).indices
    expected = {(int(j) + 30 * (1 - v), i + 30 * v) for v in (0, 1) for i in range(30) for j in nearest[i]}
    assert set(zip(*graph.edge_index[:, 60:].tolist())) == expected


def test_nothing_to_add():
    none = torch.empty(2, 0, dtype=torch.long)
    assert AddNeighborPositives(none)(batch()).edge_index.size(1) == 8
    empty = AddNeighborPositives(NEIGHBORS)(augmentation_graph([torch.zeros(0, 3)] * 2))
    assert empty.edge_index.shape == (2, 0) and empty.validate()


def test_repr():
    expected = "AddNeighborPositives(edges=3, weight=0.5, scope='other', in_denominator=False)"
    assert repr(AddNeighborPositives(NEIGHBORS)) == expected


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"edge_index": NEIGHBORS.float()}, r"'edge_index' must be an integer tensor of shape \[2, e\]"),
        ({"edge_index": NEIGHBORS - 1}, r"'edge_index' must not be negative \(got -1\)"),
        ({"weight": 0}, "'weight' must be a positive number"),
        ({"scope": "both"}, "'scope' must be one of 'all', 'other', 'same'"),
        ({"edge_weight": torch.ones(2)}, r"'edge_weight' must be a floating point tensor of shape \[5\]"),
        ({"edge_weight": torch.full((5,), float("nan"))}, "'edge_weight' must not be negative or NaN"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        AddNeighborPositives(**({"edge_index": NEIGHBORS} | arguments))


def test_wrong_graphs():
    with pytest.raises(ValueError, match="'data' must be a ContrastGraph with nodes"):
        AddNeighborPositives(NEIGHBORS)(ContrastGraph())
    graph = batch()
    graph.sample_id = torch.arange(8) - 1
    with pytest.raises(ValueError, match=r"'data\.sample_id' must not be negative"):
        AddNeighborPositives(NEIGHBORS)(graph)
