import pytest
import torch
import torch_geometric.transforms as T
from contracts.loss import make_views, relative, value_and_gradients
from contracts.rewiring import RewiringContract
from hypothesis import given, settings
from hypothesis import strategies as st
from literal_nt_xent import edges_of, literal_nt_xent, others

from gnnclr.graph import AddKNNPositives, ContrastGraph, FeatureBank, augmentation_graph
from gnnclr.graph.pairs import is_among
from gnnclr.graph.rewiring.drop import DropPositives
from gnnclr.graph.rewiring.random_walk import RandomWalkPositives
from gnnclr.losses import NTXentLoss


class TestRandomWalkPositives(RewiringContract):
    keeps_anchors = False

    def make(self):
        return RandomWalkPositives(2, k=5)


def batch(n=6, views=2):
    return augmentation_graph([view.double() for view in make_views(n, 5, views)])


def dense(graph):
    """The weights of positives [anchor, candidate]."""
    matrix = torch.zeros(graph.num_nodes, graph.num_candidates, dtype=torch.float64)
    for (p, i), w in edges_of(graph).items():
        matrix[i, p] = w
    return matrix


def walked(weight, coefficients, k=None):
    """What the dense powers of the walk give [anchor, candidate]."""
    n, total = weight.size(0), weight.sum(dim=1)
    step = torch.eye(weight.size(1), dtype=weight.dtype)
    step[:n][total > 0] = weight[total > 0] / total[total > 0, None]
    power, walks = torch.eye(weight.size(1), dtype=weight.dtype), 0
    for t, theta in enumerate(coefficients):
        power = power @ step
        if t > 0:
            power = largest(power, k)
        walks = walks + theta * power
    walks = largest(walks[:n].clone().fill_diagonal_(0), k)
    left = walks.sum(dim=1, keepdim=True)
    return torch.where(left > 0, walks / left.clamp(min=1e-30) * total[:, None], 0)


def largest(matrix, k):
    if k is None or k >= matrix.size(1):
        return matrix
    return matrix.where(matrix >= matrix.topk(k, dim=1).values[:, -1:], 0)


@pytest.mark.parametrize("coefficients", [None, [0.0, 1.0, 0.0], [0.5, 0.3, 0.2]])
@pytest.mark.parametrize("k", [None, 4])
def test_powers_of_the_walk(coefficients, k):
    graph = batch(views=3)
    graph.edge_index = AddKNNPositives(k=2)(graph).edge_index
    # Weights without ties, so that the largest entries are well defined.
    graph.edge_weight = torch.rand(graph.edge_index.size(1), generator=torch.Generator().manual_seed(0)).double()
    out = RandomWalkPositives(3, k, coefficients)(graph)
    expected = walked(dense(graph), coefficients or [1.0] * 3, k)
    torch.testing.assert_close(dense(out), expected, rtol=1e-12, atol=1e-14)
    assert bool((out.edge_weight > 0).all()) and out.validate()
    assert k is None or int(out.edge_index[1].bincount().max()) <= k


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(1, 4), st.integers(0, 20), st.integers(0, 99))
def test_any_graph(steps, edges, seed):
    """Also with anchors that have no positives, weights of zero, and rows of a bank."""
    generator = torch.Generator().manual_seed(seed)
    code = torch.randperm(7 * 5, generator=generator)[:edges]
    code = code[code // 5 != code % 5]
    weight = torch.rand(code.numel(), generator=generator, dtype=torch.float64).round(decimals=1)
    x = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    graph = ContrastGraph(x[:5], torch.stack([code // 5, code % 5]), weight, bank=x[5:])
    out = RandomWalkPositives(steps)(graph)
    if steps == 1 or code.numel() == 0:
        assert torch.equal(out.edge_index, graph.edge_index) and torch.equal(out.edge_weight, graph.edge_weight)
    torch.testing.assert_close(dense(out), walked(dense(graph), [1.0] * steps), rtol=1e-9, atol=1e-12)


def test_one_step_changes_nothing():
    for graph in (batch(), AddKNNPositives(k=2)(batch())):
        out = RandomWalkPositives(1)(graph)
        assert torch.equal(out.edge_index, graph.edge_index) and out.edge_weight is graph.edge_weight


def test_one_step_to_the_largest_positives():
    graph = AddKNNPositives(k=3, weight=0.6)(batch())
    out = edges_of(RandomWalkPositives(1, k=1)(graph))
    assert out == pytest.approx({((i + 6) % 12, i): 1.6 for i in range(12)})


def test_two_views_alone():
    """An even number of steps leads back: what is left of the mean is the views, and of two steps alone nothing."""
    graph = batch()
    assert edges_of(RandomWalkPositives(2)(graph)) == pytest.approx(edges_of(graph))
    assert edges_of(RandomWalkPositives(2, coefficients=[0, 1])(graph)) == {}


def test_walks_stay_at_rows_of_a_bank():
    bank = FeatureBank(16, 5, dtype=torch.float64)
    bank.update(torch.randn(9, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    graph = AddKNNPositives(k=1, weight=1.0, bank=bank)(batch())
    weight = dense(graph)
    out = dense(RandomWalkPositives(2, coefficients=[0, 1])(graph))
    # Half of the walks go to the neighbor and stay, a quarter to the other view and its neighbor; a quarter return.
    expected = (weight[:, 12:] * 0.5 + weight[[(i + 6) % 12 for i in range(12)]][:, 12:] * 0.25) * 2 / 0.75
    torch.testing.assert_close(out[:, 12:], expected)
    torch.testing.assert_close(out.sum(dim=1), torch.full((12,), 2.0, dtype=torch.float64))


def test_neighbors_of_neighbors_train():
    """Neighbors, two steps, drops: the loss of the explicit construction, and a gradient."""
    graph, knn = batch(8), AddKNNPositives(k=2, weight=0.6)
    torch.manual_seed(0)
    out = T.Compose([knn, RandomWalkPositives(2), DropPositives(0.4)])(graph)
    walks = walked(dense(knn(graph)), [1.0, 1.0])
    edges = {edge: w for edge, w in edges_of(out).items()}
    assert 0 < len(edges) < int((walks > 0).sum())
    assert all(w == pytest.approx(float(walks[i, p])) for (p, i), w in edges.items())
    # What the walk reached does not repel, dropped or not.
    repels = others(graph, [(p, i) for i, p in walks.nonzero().tolist()])
    value, grad = value_and_gradients(lambda x: NTXentLoss(0.3)(x, out), [graph.x])
    expected, expected_grad = value_and_gradients(lambda x: literal_nt_xent(x, edges, repels, 0.3), [graph.x])
    assert relative(value, expected) < 1e-11 and relative(grad, expected_grad) < 1e-10
    assert torch.isfinite(value) and bool((grad.norm(dim=1) > 0).all())


def test_wrong_arguments_and_repr():
    for arguments, message in (
        ({"steps": 0}, "'steps' must be a positive integer"),
        ({"k": 0}, "'k' must be a positive integer"),
        ({"coefficients": [1.0]}, "'coefficients' must be 2 numbers"),
        ({"coefficients": [1.0, -1.0]}, "'coefficients' must be 2 numbers"),
        ({"coefficients": [0.0, 0.0]}, "'coefficients' must be 2 numbers"),
        ({"coefficients": [float("nan"), 1.0]}, "'coefficients' must be 2 numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            RandomWalkPositives(**arguments)
    assert repr(RandomWalkPositives()) == "RandomWalkPositives(steps=2, k=None, coefficients=[1.0, 1.0])"


def test_positives_that_are_cut_away_do_not_repel():
    torch.manual_seed(0)
    graph = AddKNNPositives(3)(augmentation_graph([torch.randn(8, 3) for _ in range(2)]))
    before = graph.edge_index
    graph = RandomWalkPositives(2, k=1)(graph)
    lost = before[:, ~is_among(before, graph.edge_index, graph.num_nodes)]
    lost = lost[:, graph.sample[lost[0]] != graph.sample[lost[1]]]
    assert lost.size(1) > 0 and is_among(lost, graph.ignore_index, graph.num_nodes).all()
