import pytest
import torch
import torch.nn.functional as F
from contracts.node_method import NodeMethodContract

from gnnclr.node import SGRL, GCNEncoder, normalized_adjacency, sbm


class TestSGRL(NodeMethodContract):
    draws = False

    def make(self):
        return SGRL(self.one_layer())


def build(**kwargs):
    torch.manual_seed(0)
    return SGRL(GCNEncoder(20, 8, 8, num_layers=1, act="prelu"), **kwargs)


def test_loss_and_whom_each_part_trains():
    data, method = sbm(30, num_features=20), build(hops=2)
    method.target.layers[0].weight.data.add_(0.1)
    loss, logs = method.training_step_loss(data)
    h, t = method.encoder(data.x, data.edge_index), F.normalize(method.target(data.x, data.edge_index))
    adjacency = normalized_adjacency(data.edge_index, 30).to_dense()
    z = h + adjacency @ (adjacency @ h)
    agreement = (F.normalize(method.predictor(z)) * t.detach()).sum(dim=1).mean()
    scattering = torch.stack([(row - t.mean(dim=0)).square().sum() for row in t]).mean()
    assert loss.item() == pytest.approx(-(agreement + scattering).item(), rel=1e-5)
    assert logs["scattering"].item() == pytest.approx(scattering.item(), rel=1e-5)
    assert torch.allclose(method(data), z, atol=1e-5)
    weights = [method.encoder.layers[0].weight, method.target.layers[0].weight]
    actual = torch.autograd.grad(loss, weights)
    assert torch.allclose(actual[0], torch.autograd.grad(-agreement, weights[0])[0], atol=1e-5)
    assert torch.allclose(actual[1], torch.autograd.grad(-scattering, weights[1])[0], atol=1e-5)


def test_the_target_follows_the_encoder():
    method = build(momentum=0.75)
    before = method.target.layers[0].weight.detach().clone()
    method.encoder.layers[0].weight.data.add_(1)
    method.after_optimizer_step()
    assert torch.allclose(method.target.layers[0].weight, before + 0.25, atol=1e-6)
    with pytest.raises(ValueError, match="'momentum' must be a probability"):
        build(momentum=2.0)
