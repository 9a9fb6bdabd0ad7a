import torch
from contracts.node_method import NodeMethodContract

from gnnclr.losses import BarlowTwinsLoss, NTXentLoss, VICRegLoss
from gnnclr.node import EdgeDrop, GCNEncoder, TwoView, sbm


class TestTwoView(NodeMethodContract):
    loss = NTXentLoss

    def make(self):
        return TwoView(self.gcn(), self.loss(), self.head())


class TestBarlowTwins(TestTwoView):
    loss = BarlowTwinsLoss


class TestVICReg(TestTwoView):
    loss = VICRegLoss


def test_loss_of_projected_views():
    data = sbm(40, num_features=20)
    torch.manual_seed(0)
    seen = []

    def loss(z0, z1):
        seen.append((z0, z1))
        return (z0 - z1).square().mean()

    views = (EdgeDrop(0.5), lambda graph: graph)
    method = TwoView(GCNEncoder(20, 8, 8), loss, torch.nn.Linear(8, 3), views)
    torch.manual_seed(1)
    value, logs = method.training_step_loss(data)
    torch.manual_seed(1)
    dropped = EdgeDrop(0.5)(data)
    z0 = method.projector(method.encoder(dropped.x, dropped.edge_index))
    z1 = method.projector(method.encoder(data.x, data.edge_index))
    assert torch.allclose(seen[0][0], z0) and torch.allclose(seen[0][1], z1)
    assert torch.allclose(value, (z0 - z1).square().mean())
    assert set(logs) == {"alignment", "uniformity"}
    assert method.embed(data).shape == (40, 8)


def test_loss_of_some_nodes():
    data, sizes = sbm(40, num_features=20), []

    def loss(z0, z1):
        sizes.append(z0.size(0))
        return (z0 - z1).square().mean()

    method = TwoView(GCNEncoder(20, 8, 8), loss, torch.nn.BatchNorm1d(8), batch_size=7)
    value, _ = method.training_step_loss(data)
    value.backward()
    assert sizes == [7] and method.encoder.layers[0].weight.grad.isfinite().all()
