import copy
import os
import pickle

import pytest
import torch
from torch_geometric.transforms import Compose

from gnnclr.graph import augmentation_graph
from gnnclr.graph.communities import EdgeCommunities, ExcludeCommunity, louvain
from gnnclr.losses import BarlowTwinsLoss, NTXentLoss
from gnnclr.node import FeatureMask, FittedRewiring, GCNEncoder, TwoView, sbm
from gnnclr.node.datasets.multiplex import MultiplexData, load_multiplex_data
from gnnclr.node.methods.multiplex_contrast import MultiplexContrast

ROOT = os.environ.get("GNNCLR_DATA", "")


def toy(count=2, n=40):
    """Relations with the same communities, of different density."""
    graphs = [sbm(n, 2, 20, degree=4.0 + 2 * i, seed=i) for i in range(count)]
    return MultiplexData(graphs[0].x, {f"r{i}": graph.edge_index for i, graph in enumerate(graphs)}, graphs[0].y)


def encoders(count=2, out=8):
    torch.manual_seed(0)
    return [GCNEncoder(20, 16, out) for _ in range(count)]


@pytest.mark.parametrize("loss", [NTXentLoss(0.3), BarlowTwinsLoss(0.1)])
def test_two_relations_are_two_views(loss):
    data, (encoder, _) = toy(), encoders()
    projector = torch.nn.Linear(8, 5)
    two_view = TwoView(encoder, loss, projector, (lambda _: data.relation("r0"), lambda _: data.relation("r1")))
    expected, expected_logs = two_view.training_step_loss(data.relation("r0"))
    value, logs = MultiplexContrast(encoder, loss, projector).training_step_loss(data)
    assert torch.allclose(value, expected) and torch.allclose(value, loss(*two_view.project(data.relation("r0"))))
    assert logs.keys() == expected_logs.keys()
    assert all(torch.allclose(logs[name], expected_logs[name]) for name in logs)


def test_three_relations_with_their_own_encoders():
    data, parts = toy(3), encoders(3)
    method = MultiplexContrast(parts)
    h = [encoder(data.x, view.edge_index) for encoder, view in zip(parts, data.views())]
    loss = NTXentLoss(0.4)
    expected = (loss(h[0], h[1]) + loss(h[0], h[2]) + loss(h[1], h[2])) / 3
    assert torch.allclose(method.training_step_loss(data)[0], expected)
    assert torch.allclose(method.embed(data), sum(h) / 3, atol=1e-6)
    method.fusion = "cat"
    assert torch.allclose(method.embed(data), torch.cat(h, dim=1)) and method.embed(data).shape == (40, 24)
    loss_value, _ = method.training_step_loss(data)
    loss_value.backward()
    for encoder in parts:
        assert all(p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_permuted_nodes():
    data, method = toy(), MultiplexContrast(encoders(), projector=torch.nn.Linear(8, 4))
    order = torch.randperm(40)
    place = order.argsort()
    relations = {name: place[data[f"edge_index_{name}"]] for name in data.relations}
    permuted = MultiplexData(data.x[order], relations, data.y[order])
    assert torch.allclose(method.embed(permuted), method.embed(data)[order], atol=1e-5)
    assert torch.allclose(method.training_step_loss(permuted)[0], method.training_step_loss(data)[0], atol=1e-5)


def test_views_are_drawn_for_each_relation():
    data, (encoder, _) = toy(), encoders()
    method = MultiplexContrast(encoder, views=FeatureMask(0.5))
    before = data.x.clone()
    torch.manual_seed(1)
    seen = [graph.x for graph in method.graphs(data)]
    torch.manual_seed(1)
    expected = [FeatureMask(0.5)(view).x for view in data.views()]
    assert all(map(torch.equal, seen, expected)) and not torch.equal(*seen) and data.x.equal(before)
    first = MultiplexContrast(encoder, views=(FeatureMask(1.0), Compose([]))).graphs(data)
    assert first[0].x.abs().sum() == 0 and first[1].x.equal(data.x)
    assert method.embed(data).equal(MultiplexContrast(encoder).embed(data))  # embeddings see all


def test_rewiring_is_made_from_the_union_once():
    data, (encoder, _) = toy(), encoders()
    calls = []

    def find(x, edge_index, seed):
        calls.append(edge_index)
        return louvain(edge_index, x.size(0), seed=seed)

    method = MultiplexContrast(encoder, rewire=FittedRewiring(find, ExcludeCommunity))
    value, _ = method.training_step_loss(data)
    assert method.training_step_loss(data)[0].equal(value)
    assert len(calls) == 1 and calls[0].equal(data.union().edge_index)
    graph = augmentation_graph([encoder(data.x, view.edge_index) for view in data.views()])
    graph = ExcludeCommunity(louvain(data.union().edge_index, 40))(graph)
    assert torch.allclose(value, NTXentLoss(0.4)(graph.x, graph))
    assert not torch.allclose(value, MultiplexContrast(encoder).training_step_loss(data)[0])
    every = FittedRewiring(EdgeCommunities("louvain"), ExcludeCommunity, every=1)
    MultiplexContrast(encoder, rewire=Compose([every])).start_epoch(3)
    assert every.epoch == 3


def test_weights_of_relations_count():
    data, method = toy(), MultiplexContrast(encoders())
    expected = method.embed(data)
    first = data.relations[0]
    data[f"edge_weight_{first}"] = torch.ones(data.views()[0].num_edges)
    assert method.embed(data).equal(expected)
    data[f"edge_weight_{first}"] = torch.rand(data.views()[0].num_edges)
    assert not torch.allclose(method.embed(data), expected, atol=1e-4)
    assert method.training_step_loss(data)[0].isfinite()
    data[f"edge_weight_{first}"][0] = -1
    with pytest.raises(ValueError, match="must be finite, and none negative"):
        method.embed(data)


def test_training_brings_relations_together():
    data, method = toy(2, 60), MultiplexContrast(encoders())
    optimizer = torch.optim.Adam(method.parameters(), lr=0.01)
    seen = []
    for _ in range(30):
        optimizer.zero_grad()
        loss, logs = method.training_step_loss(data)
        loss.backward()
        optimizer.step()
        seen.append((loss.item(), logs["alignment"].item()))
    assert seen[-1][0] < seen[0][0] - 0.1 and seen[-1][1] < seen[0][1]
    method.train()
    z = method.embed(data)
    assert method.training and not z.requires_grad
    for twin in (copy.deepcopy(method), pickle.loads(pickle.dumps(method))):
        assert twin.embed(data).equal(z)


def test_errors():
    data, parts = toy(), encoders()
    method = MultiplexContrast(parts)
    for call in (method.training_step_loss, method.embed):
        with pytest.raises(ValueError, match="'data' must be a MultiplexData"):
            call(data.relation("r0"))
        with pytest.raises(ValueError, match=r"at least two relations \(got r0\)"):
            call(MultiplexData(data.x, {"r0": data.edge_index_r0}))
        empty = MultiplexData(data.x, {"r0": data.edge_index_r0, "r1": torch.empty(2, 0, dtype=torch.long)})
        with pytest.raises(ValueError, match=r"'data\.edge_index_r1' must have at least one edge"):
            call(empty)
        with pytest.raises(ValueError, match=r"'data\.x' must hold floating point node features"):
            call(MultiplexData(None, {name: data[f"edge_index_{name}"] for name in data.relations}, num_nodes=40))
        with pytest.raises(ValueError, match=r"'encoder' must be one, or one for each of the 3 relations \(got 2\)"):
            call(toy(3))
        more = data.clone()
        more.edge_index_r1[0, 0] = 40
        with pytest.raises(ValueError, match="must hold nodes between 0 and 39"):
            call(more)
    with pytest.raises(ValueError, match="'views' must be one, or one for each of the 2 relations"):
        MultiplexContrast(parts, views=[FeatureMask(0.5)]).training_step_loss(data)
    halves = (lambda graph: graph, lambda graph: graph.subgraph(torch.arange(20)))
    with pytest.raises(ValueError, match=r"'views' must keep the number of nodes \(got \[40, 20\]\)"):
        MultiplexContrast(parts, views=halves).training_step_loss(data)
    with pytest.raises(ValueError, match="'views' must be a transform"):
        MultiplexContrast(parts, views=0.5)
    with pytest.raises(ValueError, match="'fusion' must be one of 'mean', 'cat'"):
        MultiplexContrast(parts, fusion="sum")


@pytest.mark.data
@pytest.mark.skipif(not ROOT, reason="GNNCLR_DATA is not set")
def test_acm():
    data = load_multiplex_data("acm", ROOT)
    torch.manual_seed(0)
    method = MultiplexContrast([GCNEncoder(1902, 16, 16, 1) for _ in range(2)])
    optimizer = torch.optim.Adam(method.parameters(), lr=0.001)
    losses = []
    for _ in range(2):
        optimizer.zero_grad()
        loss, _ = method.training_step_loss(data)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[1] < losses[0]
    z = method.embed(data)
    assert z.shape == (4019, 16) and z.isfinite().all()
