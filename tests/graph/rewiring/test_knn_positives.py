import pytest
import torch
import torch_geometric.transforms as T
from contracts.loss import relative, value_and_gradients
from contracts.rewiring import RewiringContract, shared_queue
from literal_nt_xent import edges_of, literal_nt_xent, others
from torch.nn.functional import normalize

from gnnclr.graph import AddKNNPositives, ContrastGraph, FeatureBank, augmentation_graph
from gnnclr.graph.communities import ExcludeCommunity
from gnnclr.losses import NTXentLoss


class TestAddKNNPositives(RewiringContract):
    def make(self):
        return AddKNNPositives(2, draw=1)


class TestKNNInABank(RewiringContract):
    def make(self):
        return AddKNNPositives(2, bank=shared_queue())


def batch(n=8, d=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, d, generator=generator) for _ in range(2)]


def test_neighbors_of_other_samples_become_positives():
    graph = augmentation_graph(batch())
    before = graph.edge_index
    graph = AddKNNPositives(k=3, weight=0.6)(graph)
    added = graph.edge_index[:, before.size(1) :]
    z = normalize(graph.x, dim=1)
    s = (z @ z.t()).masked_fill(graph.sample[:, None] == graph.sample[None], -2)
    nearest = {(j, i) for i in range(16) for j in s[i].topk(3).indices.tolist()}
    assert set(zip(*added.tolist())) == nearest and added.size(1) == 48
    assert torch.equal(graph.edge_index[:, : before.size(1)], before)
    assert graph.edge_weight.tolist() == pytest.approx([1.0] * 16 + [0.2] * 48)


def test_bank_neighbors_attract_and_do_not_repel():
    views = batch()
    bank = FeatureBank(32, 5)
    rows = normalize(torch.randn(20, 5, generator=torch.Generator().manual_seed(3)), dim=1)
    bank.update(rows, ids=torch.arange(20))
    graph = augmentation_graph(views)
    graph.sample_id = torch.arange(8).repeat(2)
    graph = AddKNNPositives(k=2, bank=bank)(graph)
    source, target = graph.edge_index[:, 16:]
    s = normalize(graph.x, dim=1) @ rows.t()
    s[torch.arange(16), graph.sample_id] = -2
    for i in range(16):
        found = graph.bank.rows[source[target == i] - 16]
        torch.testing.assert_close(found, rows[s[i].topk(2).indices])
    assert not graph.negatives.bank and graph.validate()
    assert torch.isfinite(NTXentLoss(0.2)(graph.x, graph))


def test_bank_that_repels_already():
    bank = FeatureBank(32, 5)
    bank.update(torch.randn(20, 5, generator=torch.Generator().manual_seed(3)))
    graph = augmentation_graph(batch(), bank=bank.features)
    graph = AddKNNPositives(k=2, bank=bank)(graph)
    assert graph.negatives.bank and graph.edge_index[0].max() < 16 + 20 and graph.validate()
    scaled = augmentation_graph(batch(), bank=normalize(bank.features, dim=1))  # the same directions
    scaled = AddKNNPositives(k=2, bank=bank)(scaled)
    assert torch.equal(scaled.edge_index, graph.edge_index) and len(scaled.bank) == 20


def test_a_bank_that_repels_and_another_that_attracts():
    views, generator = [view.double() for view in batch()], torch.Generator().manual_seed(3)
    queue, bank = torch.randn(6, 5, generator=generator).double(), FeatureBank(32, 5, dtype=torch.float64)
    bank.update(torch.randn(20, 5, generator=generator).double())
    graph = AddKNNPositives(k=2, bank=bank)(augmentation_graph(views, bank=queue))
    assert torch.equal(graph.bank.rows[:6], queue) and graph.negatives.bank and graph.validate()
    repels = others(graph, columns=len(graph.bank))
    repels[:, 16 : 16 + 6] = True
    edges = edges_of(graph)
    check(graph, lambda x: literal_nt_xent(x, edges, repels, 0.1, graph.bank.rows), 0.1)


def test_two_banks():
    generator = torch.Generator().manual_seed(3)
    banks = [FeatureBank(32, 5), FeatureBank(32, 5)]
    for bank in banks:
        bank.update(torch.randn(20, 5, generator=generator))
    graph = T.Compose([AddKNNPositives(k=2, bank=bank) for bank in banks])(augmentation_graph(batch()))
    for bank, start in zip(banks, (16, 48)):
        source, target = graph.edge_index[:, start : start + 32]
        found = bank.search(graph.x, 2).index
        for i in range(16):
            torch.testing.assert_close(graph.bank.rows[source[target == i] - 16], bank.features[found[i]])
    assert not graph.negatives.bank and graph.edge_index.size(1) == 80 and graph.validate()


@pytest.mark.parametrize("transform", [AddKNNPositives(k=0), AddKNNPositives(k=2, bank=FeatureBank(4, 5))])
def test_nothing_to_add_changes_nothing(transform):
    graph = transform(augmentation_graph(batch()))
    assert graph.edge_index.size(1) == 16 and graph.edge_weight is None


def test_fewer_neighbors_than_k_share_the_weight():
    graph = AddKNNPositives(k=50, weight=0.6)(augmentation_graph(batch(3)))
    assert graph.edge_index.size(1) == 6 + 6 * 4
    assert graph.edge_weight[6:].tolist() == pytest.approx([0.15] * 24)
    assert NTXentLoss(0.2)(graph.x, graph) == 0  # nobody is left to repel


def test_composes():
    transform = T.Compose([AddKNNPositives(k=1), AddKNNPositives(k=2, weight=0.1)])
    assert transform(augmentation_graph(batch())).edge_index.size(1) == 16 + 16 + 32
    assert str(AddKNNPositives(3)) == "AddKNNPositives(k=3, weight=0.5)"
    expected = "AddKNNPositives(k=3, weight=0.5, mutual=True, min_similarity=0.2, draw=1)"
    assert str(AddKNNPositives(3, mutual=True, min_similarity=0.2, draw=1)) == expected


@pytest.mark.parametrize("labels", [None, torch.tensor([0, 0, 1, 1, 1, 2, 3, 3])])
def test_twice_adds_the_next_neighbors_and_no_edge_twice(labels):
    graph = augmentation_graph(batch(), labels)
    before = graph.edge_index
    once = AddKNNPositives(k=2)(graph)
    twice = AddKNNPositives(k=3)(once)
    both = AddKNNPositives(k=5)(graph)
    assert torch.equal(twice.edge_index[:, : once.edge_index.size(1)], once.edge_index)
    assert torch.unique(twice.edge_index, dim=1).size(1) == twice.edge_index.size(1) == before.size(1) + 16 * 5
    assert set(zip(*twice.edge_index.tolist())) == set(zip(*both.edge_index.tolist()))
    everything = AddKNNPositives(k=50)(twice)
    assert torch.unique(everything.edge_index, dim=1).size(1) == everything.edge_index.size(1)
    assert AddKNNPositives(k=50)(everything).edge_index.size(1) == everything.edge_index.size(1)


@pytest.mark.parametrize("repels", [True, False])
def test_twice_from_a_bank_adds_the_next_rows(repels):
    bank = FeatureBank(32, 5)
    bank.update(torch.randn(20, 5, generator=torch.Generator().manual_seed(3)))
    graph = augmentation_graph(batch(), bank=bank.features if repels else None)
    twice = AddKNNPositives(k=3, bank=bank)(AddKNNPositives(k=2, bank=bank)(graph))
    both = AddKNNPositives(k=5, bank=bank)(graph)
    assert twice.edge_index.size(1) == 16 + 16 * 5 and len(twice.bank) == len(both.bank)

    def ends(graph):
        source, target = graph.edge_index[:, 16:]
        return {(tuple(graph.bank.rows[p - 16].tolist()), i) for p, i in zip(source.tolist(), target.tolist())}

    assert ends(twice) == ends(both)


def test_neighbors_after_communities_are_excluded_may_be_of_the_community():
    graph = ExcludeCommunity(torch.zeros(8, dtype=torch.long))(augmentation_graph(batch()))
    plain = AddKNNPositives(k=3)(augmentation_graph(batch()))
    assert torch.equal(AddKNNPositives(k=3)(graph).edge_index, plain.edge_index)


def similarities(graph):
    z = normalize(graph.x, dim=1)
    return (z @ z.t()).masked_fill(graph.sample[:, None] == graph.sample, -2)


def test_mutual_neighbors():
    graph = augmentation_graph(batch(12))
    s = similarities(graph)
    lists = [set(row.topk(3).indices.tolist()) for row in s]
    expected = {(j, i) for i in range(24) for j in lists[i] if i in lists[j]}
    out = AddKNNPositives(k=3, weight=0.6, mutual=True)(graph)
    edges = edges_of(out)
    assert set(list(edges)[24:]) == expected and 0 < len(expected) < 72
    total = torch.zeros(24).index_add_(0, out.edge_index[1, 24:], out.edge_weight[24:])
    some = torch.tensor([any((j, i) in expected for j in range(24)) for i in range(24)])
    torch.testing.assert_close(total, 0.6 * some)
    # All others are neighbors of each other.
    everyone = AddKNNPositives(k=22, mutual=True)(graph)
    assert torch.equal(everyone.edge_index, AddKNNPositives(k=22)(graph).edge_index)


def test_mutual_of_what_is_positive_already():
    graph = AddKNNPositives(k=1)(augmentation_graph(batch(12)))
    known = set(edges_of(graph))
    s = similarities(graph)
    for j, i in known:
        s[i, j] = -2
    lists = [set(row.topk(1).indices.tolist()) for row in s]
    expected = {(j, i) for i in range(24) for j in lists[i] if i in lists[j] or (i, j) in known}
    assert set(edges_of(AddKNNPositives(k=1, mutual=True)(graph))) == known | expected


@pytest.mark.parametrize("least", [-1.0, 0.5, 0.8, 1.1])
def test_least_similarity(least):
    graph = augmentation_graph(batch(12))
    s = similarities(graph)
    expected = {(j, i) for i in range(24) for j in s[i].topk(4).indices.tolist() if s[i, j] >= least}
    out = AddKNNPositives(k=4, min_similarity=least)(graph)
    assert set(list(edges_of(out))[24:]) == expected
    if least > 1:
        assert torch.equal(out.edge_index, graph.edge_index) and out.edge_weight is None
    bank = FeatureBank(24, 5)
    bank.update(graph.x, ids=graph.sample)
    graph.sample_id = graph.sample
    found = AddKNNPositives(k=4, min_similarity=least, bank=bank)(graph)
    assert found.edge_index.size(1) == out.edge_index.size(1)
    assert torch.equal(found.edge_index[1].bincount(), out.edge_index[1].bincount())


def check(graph, expected, temperature):
    value, grad = value_and_gradients(lambda x: NTXentLoss(temperature)(x, graph), [graph.x])
    want, want_grad = value_and_gradients(expected, [graph.x])
    assert relative(value, want) < 1e-10 and float((grad - want_grad).norm()) < 1e-10


def test_neighbors_drawn_at_random():
    graph = augmentation_graph([view.double() for view in batch()])
    near = edges_of(AddKNNPositives(k=5)(graph))
    seen = set()
    for seed in range(40):
        torch.manual_seed(seed)
        out = AddKNNPositives(k=5, weight=0.6, draw=2)(graph)
        drawn = edges_of(out)
        assert torch.equal(out.edge_index[1, 16:].bincount(), torch.full((16,), 2))
        assert out.edge_weight[16:].tolist() == pytest.approx([0.3] * 32)
        assert set(drawn) <= set(near)
        seen |= set(drawn)
    assert seen == set(near)
    # Those that are not drawn do not repel.
    repels = others(graph, near)
    check(out, lambda x: literal_nt_xent(x, drawn, repels, 0.3), 0.3)
    assert torch.equal(AddKNNPositives(k=5, draw=5)(graph).edge_index, AddKNNPositives(k=5)(graph).edge_index)


def test_neighbors_drawn_from_a_bank():
    bank = FeatureBank(32, 5)
    bank.update(torch.randn(20, 5, generator=torch.Generator().manual_seed(3)))
    graph = AddKNNPositives(k=5, draw=1, bank=bank)(augmentation_graph(batch()))
    source, target = graph.edge_index[:, 16:]
    near = bank.search(graph.x, 5).index
    for p, i in zip(source.tolist(), target.tolist()):
        assert any(torch.equal(graph.bank.rows[p - 16], bank.features[row]) for row in near[i])
    assert torch.equal(target, torch.arange(16)) and "ignore_index" not in graph


def test_gradient_with_neighbors():
    views = [v.double() for v in batch(5, 4)]
    graph = AddKNNPositives(k=2)(augmentation_graph(views))
    x = graph.x.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: NTXentLoss(0.3)(x, graph), x, fast_mode=True)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'k' must be an integer, zero or more"):
        AddKNNPositives(k=-1)
    with pytest.raises(ValueError, match="'weight' must be a positive number"):
        AddKNNPositives(weight=0)
    with pytest.raises(ValueError, match="'mutual' needs neighbors from the batch"):
        AddKNNPositives(bank=FeatureBank(4, 5), mutual=True)
    for value in ("0.5", True, float("nan")):
        with pytest.raises(ValueError, match="'min_similarity' must be a finite number"):
            AddKNNPositives(min_similarity=value)
    with pytest.raises(ValueError, match="'draw' must be a positive integer"):
        AddKNNPositives(draw=0)
    with pytest.raises(ValueError, match=r"'draw' must not be above 'k', which is 3 \(got 4\)"):
        AddKNNPositives(k=3, draw=4)
    with pytest.raises(ValueError, match="'data' must be a ContrastGraph with 'x'"):
        AddKNNPositives()(ContrastGraph(sample=torch.arange(4)))
