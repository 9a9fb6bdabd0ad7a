import pytest
import torch
import torch.nn.functional as F
from contracts.node_method import NodeMethodContract
from torch_geometric.utils import add_self_loops

from gnnclr.node import SUGRL, MLPEncoder, normalized_adjacency, sbm
from gnnclr.node.rewiring.neighbors import NeighborTable, sample_neighbors


class TestSUGRL(NodeMethodContract):
    def make(self):
        encoder = MLPEncoder(self.in_channels, self.width, self.width, in_dropout=0.1)
        return SUGRL(encoder, margins=(0.8, 0.2))


def build(**kwargs):
    torch.manual_seed(0)
    return SUGRL(MLPEncoder(20, 8, 8), **kwargs)


def test_loss_node_by_node():
    data = sbm(25, num_classes=3, num_features=20)
    method = build(margins=(0.6, 0.1), weights=(2.0, 3.0, 4.0), num_negatives=3, num_neighbors=2, dropout=0.0)
    torch.manual_seed(1)
    loss, logs = method.training_step_loss(data)
    torch.manual_seed(1)
    h = method.encoder(data.x)
    p = normalized_adjacency(data.edge_index, 25).to_dense() @ h
    index = sample_neighbors(NeighborTable(add_self_loops(data.edge_index)[0], 25), 2)
    expected, near = 0.0, [(h[i] - p[i]).norm() for i in range(25)]
    for _ in range(3):
        order = torch.randperm(25)
        for i in range(25):
            q = (h[index[i, 0]] + h[index[i, 1]]) / 2
            far = (h[i] - h[order[i]]).norm()
            expected = expected + 2 * F.relu(near[i] - far + 0.6) / 25 + 3 * F.relu((h[i] - q).norm() - far + 0.6) / 25
            expected = expected + 4 / 3 * F.relu(far - near[i].detach() - 0.7)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
    weight = method.encoder.layers[0].weight
    actual = torch.autograd.grad(loss, weight)[0]
    assert torch.allclose(actual, torch.autograd.grad(expected, weight)[0], atol=1e-4)
    assert logs["positive"].item() == pytest.approx(torch.stack(near).mean().item(), rel=1e-4)


def test_embeddings_are_propagated_unit_rows():
    data, method = sbm(25, num_classes=3, num_features=20), build()
    z = method.embed(data)
    expected = normalized_adjacency(data.edge_index, 25).to_dense() @ method.encoder(data.x)
    assert torch.allclose(z, F.normalize(expected), atol=1e-5)


@pytest.mark.parametrize(
    "kwargs,message",
    [
        ({"margins": (1.0,)}, "'margins' must be 2 numbers"),
        ({"weights": (1.0, -1.0, 0.0)}, "'weights' must be 3 numbers, none negative"),
        ({"num_negatives": 0}, "'num_negatives' must be a positive integer"),
        ({"num_neighbors": True}, "'num_neighbors' must be a positive integer"),
        ({"dropout": 1.5}, "'dropout' must be a probability"),
    ],
)
def test_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        build(**kwargs)
