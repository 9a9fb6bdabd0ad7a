import pytest
import torch
import torch.nn.functional as F
from contracts.node_method import NodeMethodContract

from gnnclr.eval import Split, linear_probe
from gnnclr.graph.communities import ExcludeCommunity
from gnnclr.losses import NTXentLoss
from gnnclr.node import Decoupled, FittedRewiring, GCNEncoder, PropagatedMLP, ppr_features, sbm


class TestDecoupled(NodeMethodContract):
    takes_subgraphs = False  # it draws nodes of the whole graph itself

    def make(self):
        encoder = PropagatedMLP(self.in_channels, self.width, self.width, hops=3)
        return Decoupled(encoder, self.head(), copies=3, batch_size=40)


def build(**kwargs):
    torch.manual_seed(0)
    return Decoupled(PropagatedMLP(20, 8, 4, alpha=0.2, hops=3), **kwargs)


def test_loss_is_that_of_two_propagated_views_of_sampled_nodes():
    data, method = sbm(50, num_features=20), build(copies=3, batch_size=16, loss=NTXentLoss(0.3))
    torch.manual_seed(1)
    loss, _ = method.training_step_loss(data)
    with torch.random.fork_rng():
        torch.manual_seed(method.seed)
        views = [method.view(data) for _ in range(3)]
    torch.manual_seed(1)
    index, pair = torch.randperm(50)[:16], torch.randperm(3)[:2]
    h = [ppr_features(views[i].x, views[i].edge_index, 0.2, 3) for i in pair]
    h = [F.normalize(features - features.mean(dim=0))[index] for features in h]
    z = [method.encoder.mlp(features * (torch.rand(1, 20) >= 0.3)) for features in h]
    assert loss.item() == pytest.approx(NTXentLoss(0.3)(*z).item(), rel=1e-5)


def test_views_are_propagated_once_and_leave_the_generator_alone():
    data, method = sbm(50, num_features=20), build(copies=4)
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    cached = method._cached(data.x, data.edge_index)
    assert torch.random.get_rng_state().equal(before) and len(cached) == 4
    assert not cached[0].equal(cached[1])
    assert method._cached(data.x, data.edge_index) is cached
    again = build(copies=4)._cached(data.x, data.edge_index)
    assert all(torch.equal(a, b) for a, b in zip(cached, again))


def test_rewire_knows_the_sampled_nodes():
    data, seen = sbm(50, num_features=20), []
    for rewire in (lambda graph: graph, ExcludeCommunity(data.y)):
        torch.manual_seed(1)
        method = build(batch_size=16, rewire=lambda graph, rewire=rewire: seen.append(rewire(graph)) or seen[-1])
        loss, _ = method.training_step_loss(data)
        torch.manual_seed(1)
        plain, _ = build(batch_size=16).training_step_loss(data)
        assert (loss.item() == pytest.approx(plain.item(), rel=1e-6)) == (len(seen) == 1)
    node, group = seen[1].sample_id, seen[1].group
    assert node[:16].equal(node[16:]) and node[:16].unique().numel() == 16
    assert (group[:, None] == group).equal(data.y[node][:, None] == data.y[node])


def test_rewirings_are_fitted_to_the_whole_graph_and_follow_epochs():
    data, found = sbm(50, num_features=20), []

    def find(x, edge_index, seed):
        found.append((x.size(0), seed))
        return torch.arange(x.size(0)) % 4

    method = build(batch_size=16, rewire=FittedRewiring(find, ExcludeCommunity, every=2))
    for epoch in range(4):
        method.start_epoch(epoch)
        assert method.training_step_loss(data)[0].isfinite()
    assert found == [(50, 0), (50, 1)]


def test_training_beats_the_features():
    data = sbm()
    split = Split.from_masks(data)
    torch.manual_seed(0)
    method = Decoupled(PropagatedMLP(512, 64, 64), copies=2, batch_size=300)
    optimizer = torch.optim.Adam(method.parameters(), lr=2e-3)
    for _ in range(30):
        optimizer.zero_grad()
        method.training_step_loss(data)[0].backward()
        optimizer.step()
    assert linear_probe(method.embed(data), data.y, split).test > linear_probe(data.x, data.y, split).test + 0.3


@pytest.mark.parametrize(
    "kwargs,message",
    [
        ({"feature_p": -1.0}, "'feature_p' must be a probability"),
        ({"copies": 1}, "'copies' must be an integer of at least 2"),
        ({"batch_size": 0}, "'batch_size' must be a positive integer"),
    ],
)
def test_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        build(**kwargs)
    with pytest.raises(ValueError, match="'encoder' must be a PropagatedMLP"):
        Decoupled(GCNEncoder(2, 2, 2))


@pytest.mark.parametrize("chunk_size", [1, 7, 16, 40])
def test_chunks_give_the_gradient_of_all_nodes(chunk_size):
    data, found = sbm(50, num_features=20), []
    for size in (None, chunk_size):
        method, rows = build(batch_size=16, chunk_size=size), []
        method.encoder.mlp.register_forward_pre_hook(lambda mlp, args, rows=rows: rows.append(len(args[0])))
        torch.manual_seed(1)
        loss, _ = method.training_step_loss(data)
        loss.backward()
        assert max(rows) == min(size or 16, 16)
        found.append([loss.detach(), *(p.grad for p in method.parameters())])
    for whole, chunked in zip(*found, strict=True):
        torch.testing.assert_close(whole, chunked, rtol=1e-5, atol=1e-7)
