import pytest
import torch
from contracts.loss import make_views, relative, unit, value_and_gradients
from contracts.rewiring import RewiringContract, shared_queue
from literal_nt_xent import edges_of, literal_nt_xent, others

from gnnclr.graph import AddKNNPositives, ContrastGraph, FeatureBank, augmentation_graph
from gnnclr.graph.rewiring.swap import SwapPositives
from gnnclr.losses import NTXentLoss


class TestSwapPositives(RewiringContract):
    def make(self):
        return SwapPositives(shared_queue())


def batch(n=6, views=2, labels=None):
    return augmentation_graph([view.double() for view in make_views(n, 5, views)], labels)


def filled(rows, ids=None):
    bank = FeatureBank(64, rows.size(1), dtype=torch.float64)
    bank.update(rows, ids)
    return bank


def random_bank(size=30, ids=None):
    return filled(torch.randn(size, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3)), ids)


@pytest.mark.parametrize("views", [2, 3])
def test_equals_literal_loop(views):
    graph, bank = batch(views=views), random_bank()
    nearest = (unit(graph.x) @ unit(bank.features).t()).argmax(dim=1)
    n, edges = graph.num_nodes, {}
    for p, i in graph.edge_index.t().tolist():
        source = n + int(nearest[p])
        edges[source, i] = edges.get((source, i), 0) + 1
    out = SwapPositives(bank)(graph)
    assert out.validate() and not out.negatives.bank and bool((out.edge_index[0] >= n).all())
    assert out.edge_weight.sum() == graph.edge_index.size(1)
    repels = others(graph, columns=30)
    value, grad = value_and_gradients(lambda x: NTXentLoss(0.3)(x, out), [graph.x])
    expected, expected_grad = value_and_gradients(
        lambda x: literal_nt_xent(x, edges, repels, 0.3, bank.features), [graph.x]
    )
    assert relative(value, expected) < 1e-11 and relative(grad, expected_grad) < 1e-10


def test_a_bank_of_the_views_themselves_only_stops_the_gradient():
    """Each positive is its own nearest neighbor: NT-Xent, with the positives held constant."""
    graph = batch()
    out = SwapPositives(filled(graph.x))(graph)
    loss = NTXentLoss(0.3)
    torch.testing.assert_close(loss(out.x, out), loss(graph.x, graph), rtol=1e-12, atol=0)
    edges, repels = edges_of(graph), others(graph, columns=12)
    constant = {(p + 12, i): w for (p, i), w in edges.items()}
    _, grad = value_and_gradients(lambda x: loss(x, out), [graph.x])
    _, expected = value_and_gradients(lambda x: literal_nt_xent(x, constant, repels, 0.3, graph.x), [graph.x])
    assert relative(grad, expected) < 1e-10


def test_weights_stay_with_their_targets_and_join():
    """All positives of one anchor have the same neighbor."""
    graph = batch(views=3, labels=torch.tensor([0, 0, 0, 1, 1, 1]))
    graph.edge_weight = torch.rand(graph.edge_index.size(1), generator=torch.Generator().manual_seed(0))
    out = SwapPositives(filled(torch.ones(1, 5, dtype=torch.float64)))(graph)
    assert out.edge_index.tolist() == [[18] * 18, list(range(18))]
    total = torch.zeros(18).index_add_(0, graph.edge_index[1], graph.edge_weight)
    torch.testing.assert_close(out.edge_weight.float(), total)


def test_a_bank_that_repels_already():
    bank = random_bank()
    graph = augmentation_graph([view.double() for view in make_views(6, 5)], bank=bank.features)
    out = SwapPositives(bank)(graph)
    nearest = (unit(graph.x) @ unit(bank.features).t()).argmax(dim=1)
    assert len(out.bank) == 30 and out.negatives.bank and out.validate()
    repels = others(graph, columns=30)
    repels[:, 12:] = True
    edges = {(12 + int(nearest[p]), i): 1.0 for p, i in graph.edge_index.t().tolist()}
    for p, i in edges:
        repels[i, p] = False  # a positive is no negative
    expected = literal_nt_xent(graph.x, edges, repels, 0.3, bank.features)
    torch.testing.assert_close(NTXentLoss(0.3)(out.x, out), expected, rtol=1e-11, atol=0)


def test_rows_of_the_own_sample():
    graph = batch()
    graph.sample_id = graph.sample + 10
    bank = filled(torch.cat([graph.x[:6], torch.randn(4, 5, dtype=torch.float64)]), torch.arange(10, 20))
    out = SwapPositives(bank)(graph)
    own = out.bank.rows[out.edge_index[0] - 12][out.edge_index[1] >= 6]  # the anchors of view 1, by those of view 0
    assert torch.equal(own[out.edge_index[1][out.edge_index[1] >= 6] - 6], graph.x[:6])
    out = SwapPositives(bank, skip_own=True)(graph)
    s = unit(graph.x) @ unit(bank.features).t()
    s[bank.ids == graph.sample_id[:, None]] = -2
    for p, i in out.edge_index.t().tolist():
        positive = (i + 6) % 12
        assert torch.equal(out.bank.rows[p - 12], bank.features[s[positive].argmax()])


def test_only_rows_of_the_own_sample_are_left():
    graph = batch(2)
    graph.sample_id = graph.sample
    out = SwapPositives(filled(graph.x[:1], torch.zeros(1, dtype=torch.long)), skip_own=True)(graph)
    # The positives of sample 0 stay, those of sample 1 become the row.
    assert set(edges_of(out)) == {(2, 0), (0, 2), (4, 1), (4, 3)} and out.validate()


def test_neighbors_that_were_swapped_do_not_repel():
    graph = AddKNNPositives(k=2)(batch())
    bank = random_bank()
    out = SwapPositives(bank)(graph)
    repels = others(graph, edges_of(graph), len(out.bank))
    expected = literal_nt_xent(graph.x, edges_of(out), repels, 0.3, out.bank.rows)
    torch.testing.assert_close(NTXentLoss(0.3)(out.x, out), expected, rtol=1e-11, atol=0)


def test_positives_from_a_bank_stay():
    bank = random_bank()
    graph = AddKNNPositives(k=2, bank=bank)(batch())
    out = SwapPositives(bank)(graph)
    before = {edge: w for edge, w in edges_of(graph).items() if edge[0] >= 12}
    assert set(before) <= set(edges_of(out)) and out.edge_weight.sum() == pytest.approx(12 + 6)
    assert torch.equal(out.bank.rows[: len(graph.bank)], graph.bank.rows)
    twice = SwapPositives(bank)(out)
    assert edges_of(twice) == edges_of(out)


def test_an_empty_bank_changes_nothing():
    graph = batch()
    out = SwapPositives(FeatureBank(8, 5))(graph)
    assert torch.equal(out.edge_index, graph.edge_index) and out.bank is None and out.edge_weight is None


def test_wrong_arguments_and_repr():
    with pytest.raises(ValueError, match="'bank' must be a FeatureBank"):
        SwapPositives(torch.zeros(3, 5))
    with pytest.raises(ValueError, match=r"'data\.sample_id' must be given"):
        SwapPositives(random_bank(), skip_own=True)(batch())
    with pytest.raises(ValueError, match="'data' must be a ContrastGraph with 'x'"):
        SwapPositives(random_bank())(ContrastGraph(sample=torch.arange(4)))
    assert repr(SwapPositives(random_bank())) == "SwapPositives(bank=30 rows, skip_own=False)"
