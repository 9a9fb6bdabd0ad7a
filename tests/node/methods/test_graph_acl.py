import pytest
import torch
import torch.nn.functional as F
from contracts.node_method import NodeMethodContract

from gnnclr.node import GCNEncoder, GraphACL, sbm


class TestGraphACL(NodeMethodContract):
    draws = False

    def make(self):
        return GraphACL(self.gcn(act_last=False))


def test_loss_node_by_node():
    data = sbm(25, num_classes=3, num_features=20)
    data.edge_index = torch.cat([data.edge_index, torch.tensor([[4], [4]])], dim=1)  # has its self-loop already
    torch.manual_seed(0)
    method = GraphACL(GCNEncoder(20, 8, 8, act_last=False), temperature=0.5)
    method.target.module.layers[0].weight.data.add_(0.1)
    loss, _ = method.training_step_loss(data)
    h = method.encoder(data.x, data.edge_index)
    q, t = F.normalize(method.predictor(h)), F.normalize(method.target(data.x, data.edge_index))
    h, total = F.normalize(h), 0.0
    for i in range(25):
        neighbors = {i, *data.edge_index[0][data.edge_index[1] == i].tolist()}
        repulsion = (h @ h[i] / 0.5).exp().sum()
        terms = [(q[i] @ t[j] / 0.5).exp() for j in neighbors]
        total = total - sum((s / (s + repulsion)).log() for s in terms) / len(neighbors) / 25
    assert loss.item() == pytest.approx(total.item(), rel=1e-4)
    weight = method.encoder.layers[0].weight
    actual, expected = (torch.autograd.grad(value, weight, retain_graph=True)[0] for value in (loss, total))
    assert torch.allclose(actual, expected, atol=1e-5)


def test_errors():
    with pytest.raises(ValueError, match="'temperature' must be a positive number"):
        GraphACL(GCNEncoder(2, 2, 2), temperature=0.0)
