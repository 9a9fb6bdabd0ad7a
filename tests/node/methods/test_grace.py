import pytest
import torch
import torch.nn.functional as F
from contracts.node_method import NodeMethodContract
from torch_geometric.data import Data
from torch_geometric.nn import GCN, MLP
from torch_geometric.transforms import Compose

from gnnclr.eval import Split, linear_probe
from gnnclr.graph import AddKNNPositives, AddNeighborPositives
from gnnclr.graph.communities import ExcludeCommunity, SoftCommunity
from gnnclr.losses import NTXentLoss
from gnnclr.node import GRACE, GCNEncoder, SparseFeatures, grace_view, propagate_features, sbm


class TestGRACE(NodeMethodContract):
    def make(self):
        return GRACE(self.gcn(), self.head())


def build(in_channels=512, hidden=64, out=32, **kwargs):
    return GRACE(GCNEncoder(in_channels, hidden, out), MLP([out, out, out], act="elu", norm=None), **kwargs)


def reference(u, v, temperature):
    """The objective as the paper writes it, node by node."""
    u, v = F.normalize(u), F.normalize(v)
    total = 0.0
    for a, b in ((u, v), (v, u)):
        for i in range(a.size(0)):
            positive = (a[i] @ b[i] / temperature).exp()
            others = torch.arange(a.size(0)) != i
            denominator = (b @ a[i] / temperature).exp().sum() + (a[others] @ a[i] / temperature).exp().sum()
            total = total - (positive / denominator).log()
    return total / (2 * u.size(0))


def test_loss_and_gradient_equal_the_objective_of_the_paper():
    data = sbm(40, num_features=20)
    torch.manual_seed(0)
    method = build(20, loss=NTXentLoss(temperature=0.3))
    torch.manual_seed(1)
    loss, logs = method.training_step_loss(data)
    gradient = torch.autograd.grad(loss, method.encoder.layers[0].weight)[0]
    torch.manual_seed(1)
    z = [method.projector(method.encoder(v.x, v.edge_index)) for v in (view(data) for view in method.views)]
    expected = reference(*z, 0.3)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert torch.allclose(
        gradient, torch.autograd.grad(expected, method.encoder.layers[0].weight)[0], rtol=1e-3, atol=1e-6
    )
    u, v = (F.normalize(x).detach() for x in z)
    assert logs["alignment"].item() == pytest.approx((u - v).square().sum(1).mean().item(), rel=1e-4)
    assert logs["uniformity"].item() == pytest.approx(
        torch.pdist(u).square().mul(-2).exp().mean().log().item(), rel=1e-4
    )


def test_training_is_better_than_raw_untrained_and_propagated_features():
    data = SparseFeatures()(sbm())
    split = Split.from_masks(data)

    def accuracy(z):
        return linear_probe(z, data.y, split).test

    torch.manual_seed(0)
    method = build(hidden=128, out=64, views=(grace_view(), grace_view()), loss=NTXentLoss(0.5))
    untrained = accuracy(method.embed(data))
    optimizer = torch.optim.Adam(method.parameters(), lr=2e-3)
    for _ in range(60):
        optimizer.zero_grad()
        loss, _ = method.training_step_loss(data)
        loss.backward()
        optimizer.step()
    trained = accuracy(method.embed(data))
    assert trained > 0.85
    assert trained > untrained + 0.2
    assert trained > accuracy(data.x) + 0.4
    assert trained > accuracy(propagate_features(data.x, data.edge_index)) - 0.03


def test_embed_has_no_augmentation_and_keeps_the_mode():
    data = sbm(60)
    method = GRACE(GCN(512, 16, 2, dropout=0.5))  # any PyG model
    z = method.embed(data)
    assert method.training and z.shape == (60, 16) and not z.requires_grad
    assert z.equal(method.embed(data))
    assert not z.equal(method(data))
    method.eval()
    assert z.equal(method(data)) and not method.embed(data).requires_grad and not method.training


def test_rewire_sees_the_graph_of_both_views():
    data = sbm(60)
    seen = []

    def rewire(graph):
        seen.append(graph)
        return AddKNNPositives(3)(graph)

    torch.manual_seed(0)
    method = build(rewire=rewire)
    loss, _ = method.training_step_loss(data)
    loss.backward()
    assert seen[0].num_nodes == 120 and seen[0].sample.tolist() == [*range(60), *range(60)]
    assert method.encoder.layers[0].weight.grad.isfinite().all()


def test_some_nodes_are_contrasted_and_the_encoder_sees_all():
    data, seen = sbm(60, num_features=20), []
    same = lambda graph: graph  # noqa: E731
    torch.manual_seed(0)
    method = build(20, views=(same, same), batch_size=16, rewire=lambda graph: seen.append(graph) or graph)
    loss, _ = method.training_step_loss(data)
    nodes = seen[0].sample_id[:16]
    assert nodes.unique().numel() == 16 and seen[0].sample_id.equal(nodes.repeat(2))
    z = method.projector(method.encoder(data.x, data.edge_index))[nodes]
    assert torch.allclose(loss, method.loss(z, z)) and torch.allclose(seen[0].x, z.repeat(2, 1), atol=1e-6)
    method.training_step_loss(data)
    assert not seen[1].sample_id.equal(seen[0].sample_id)


def test_a_batch_of_all_nodes_is_the_whole_graph():
    data, losses = sbm(60), []
    for batch_size in (None, 60, 1000):
        torch.manual_seed(0)
        losses.append(build(batch_size=batch_size).training_step_loss(data)[0].item())
    assert losses[0] == losses[1] == losses[2]


def test_rules_find_the_nodes_of_a_batch():
    data = sbm(60)
    edges = torch.tensor([[1, 59], [2, 7]])
    for rule in (ExcludeCommunity(data.y), AddNeighborPositives(edges), SoftCommunity(torch.rand(60, 3))):
        graphs = []
        recorder = Compose([rule, lambda graph, seen=graphs: seen.append(graph) or graph])
        method = build(batch_size=20, rewire=recorder)
        for _ in range(8):
            loss, _ = method.training_step_loss(data)
            assert loss.isfinite()
        for graph in graphs:
            node = graph.sample_id
            if isinstance(rule, ExcludeCommunity):
                assert graph.group.unique(return_inverse=True)[1].unique().numel() == data.y[node].unique().numel()
                assert graph.group.eq(graph.group[0]).equal(data.y[node].eq(data.y[node[0]]))
            if isinstance(rule, AddNeighborPositives):
                pairs = {(int(a), int(b)) for a, b in node[graph.edge_index].T if a != b}
                present = set(node.tolist())
                assert pairs == {(a, b) for a, b in edges.T.tolist() if a in present and b in present}


def test_steps_depend_on_the_generator_only():
    data, method = sbm(60), build()
    losses = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        losses.append(method.training_step_loss(data)[0].item())
    assert losses[0] == losses[1] != losses[2]


def test_isolated_nodes():
    data = Data(x=torch.rand(20, 512), edge_index=torch.tensor([[0, 1], [1, 0]]))
    loss, _ = build().training_step_loss(data)
    assert loss.isfinite()


def test_errors():
    with pytest.raises(ValueError, match=r"'data\.x' must hold floating point node features"):
        build().training_step_loss(Data(edge_index=torch.zeros(2, 1, dtype=torch.long), num_nodes=2))
    with pytest.raises(ValueError, match="'views' must be two transforms"):
        build(views=(grace_view(),))
    with pytest.raises(ValueError, match="'batch_size' must be"):
        build(batch_size=0)
