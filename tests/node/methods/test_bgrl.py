import pytest
import torch
import torch.nn.functional as F
from contracts.node_method import NodeMethodContract
from torch_geometric.nn import MLP

from gnnclr.node import BGRL, GCNEncoder, sbm


class TestBGRL(NodeMethodContract):
    def make(self):
        predictor = MLP([self.width, 32, self.width], act="prelu", norm=None)
        return BGRL(self.gcn(norm="batch_norm"), predictor, momentum=0.9)


def build(**kwargs):
    torch.manual_seed(0)
    return BGRL(GCNEncoder(20, 8, 8), **kwargs)


def test_loss_is_the_cosine_of_predictions_and_targets():
    data, method = sbm(30, num_features=20), build()
    method.target.module.layers[0].weight.data.add_(0.1)
    torch.manual_seed(1)
    loss, _ = method.training_step_loss(data)
    torch.manual_seed(1)
    views = [view(data) for view in method.views]
    q = [F.normalize(method.predictor(method.encoder(v.x, v.edge_index))) for v in views]
    t = [F.normalize(method.target.module(v.x, v.edge_index)) for v in views]
    expected = -sum((q[a] * t[b]).sum(dim=1).mean() for a, b in ((0, 1), (1, 0)))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_target_moves_only_after_a_step():
    data, method = sbm(30, num_features=20), build(momentum=0.5, steps=3)
    before = method.target.module.layers[0].weight.clone()
    loss, _ = method.training_step_loss(data)
    loss.backward()
    assert torch.equal(method.target.module.layers[0].weight, before)
    assert all(p.grad is None for p in method.target.parameters())
    method.encoder.layers[0].weight.data.add_(1)
    method.after_optimizer_step()
    assert torch.allclose(method.target.module.layers[0].weight, before + 0.5, atol=1e-6)


def test_embeddings_are_the_online_encoders():
    data, method = sbm(30, num_features=20), build()
    method.target.module.layers[0].weight.data.zero_()
    assert torch.equal(method.embed(data), method.encoder(data.x, data.edge_index))
