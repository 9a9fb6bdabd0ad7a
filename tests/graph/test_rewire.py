import pytest
import torch
import torch_geometric.transforms as T
from torch.nn.functional import normalize

from gnnclr.graph import AddKNNPositives, FeatureBank, augmentation_graph
from gnnclr.graph.communities import ExcludeCommunity
from gnnclr.losses import NTXentLoss


def batch(n=8, d=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, d, generator=generator) for _ in range(2)]


def test_neighbours_of_other_samples_become_positives():
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


def test_bank_neighbours_attract_and_do_not_repel():
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
        found = graph.bank[source[target == i] - 16]
        torch.testing.assert_close(found, rows[s[i].topk(2).indices])
    assert not graph.negatives.bank and graph.validate()
    assert torch.isfinite(NTXentLoss(0.2)(graph.x, graph))


def test_bank_that_repels_already():
    bank = FeatureBank(32, 5)
    bank.update(torch.randn(20, 5, generator=torch.Generator().manual_seed(3)))
    graph = augmentation_graph(batch(), bank=bank.features)
    graph = AddKNNPositives(k=2, bank=bank)(graph)
    assert graph.negatives.bank and graph.edge_index[0].max() < 16 + 20 and graph.validate()
    graph = augmentation_graph(batch(), bank=bank.features[:3])
    with pytest.raises(ValueError, match=r"'data\.bank' must hold the 20 features"):
        AddKNNPositives(k=2, bank=bank)(graph)


@pytest.mark.parametrize("transform", [AddKNNPositives(k=0), AddKNNPositives(k=2, bank=FeatureBank(4, 5))])
def test_nothing_to_add_changes_nothing(transform):
    graph = transform(augmentation_graph(batch()))
    assert graph.edge_index.size(1) == 16 and graph.edge_weight is None


def test_fewer_neighbours_than_k():
    graph = AddKNNPositives(k=50)(augmentation_graph(batch(3)))
    assert graph.edge_index.size(1) == 6 + 6 * 4
    assert NTXentLoss(0.2)(graph.x, graph) == 0  # nobody is left to repel


def test_composes():
    transform = T.Compose([AddKNNPositives(k=1), AddKNNPositives(k=2, weight=0.1)])
    assert transform(augmentation_graph(batch())).edge_index.size(1) == 16 + 16 + 32
    assert str(AddKNNPositives(3)) == "AddKNNPositives(k=3, weight=0.5)"


@pytest.mark.parametrize("labels", [None, torch.tensor([0, 0, 1, 1, 1, 2, 3, 3])])
def test_twice_adds_the_next_neighbours_and_no_edge_twice(labels):
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


def test_twice_from_a_bank_adds_the_next_rows():
    bank = FeatureBank(32, 5)
    bank.update(torch.randn(20, 5, generator=torch.Generator().manual_seed(3)))
    graph = augmentation_graph(batch(), bank=bank.features)
    twice = AddKNNPositives(k=3, bank=bank)(AddKNNPositives(k=2, bank=bank)(graph))
    both = AddKNNPositives(k=5, bank=bank)(graph)
    assert twice.edge_index.size(1) == 16 + 16 * 5
    assert set(zip(*twice.edge_index.tolist())) == set(zip(*both.edge_index.tolist()))


def test_neighbours_after_communities_are_excluded_may_be_of_the_community():
    graph = ExcludeCommunity(torch.zeros(8, dtype=torch.long))(augmentation_graph(batch()))
    plain = AddKNNPositives(k=3)(augmentation_graph(batch()))
    assert torch.equal(AddKNNPositives(k=3)(graph).edge_index, plain.edge_index)


def test_gradient_with_neighbours():
    views = [v.double() for v in batch(5, 4)]
    graph = AddKNNPositives(k=2)(augmentation_graph(views))
    x = graph.x.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: NTXentLoss(0.3)(x, graph), x)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'k' must be an integer, zero or more"):
        AddKNNPositives(k=-1)
    with pytest.raises(ValueError, match="'weight' must be a positive number"):
        AddKNNPositives(weight=0)
    with pytest.raises(ValueError, match="'data' must have 'x' and 'edge_index'"):
        AddKNNPositives()(augmentation_graph(batch(), edges=False))
