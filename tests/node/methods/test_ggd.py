import pytest
import torch
import torch.nn.functional as F
from contracts.node_method import NodeMethodContract

from gnnclr.node import GGD, FeatureMask, GCNEncoder, normalized_adjacency, sbm


class TestGGD(NodeMethodContract):
    def make(self):
        return GGD(self.one_layer())


def build(**kwargs):
    torch.manual_seed(0)
    return GGD(GCNEncoder(20, 8, 8, num_layers=1, act="prelu"), **kwargs)


def test_loss_is_the_binary_cross_entropy_of_both_groups():
    data, method = sbm(30, num_features=20), build()
    torch.manual_seed(1)
    loss, _ = method.training_step_loss(data)
    torch.manual_seed(1)
    view = FeatureMask(0.2)(data)
    corrupted = view.x[torch.randperm(30)]
    logits = [method.projector(method.encoder(x, data.edge_index)).sum(dim=1) for x in (view.x, corrupted)]
    labels = torch.cat([torch.ones(30), torch.zeros(30)])
    expected = F.binary_cross_entropy_with_logits(torch.cat(logits), labels)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_embeddings_add_their_propagation():
    data, method = sbm(30, num_features=20), build(hops=3)
    h = method.encoder(data.x, data.edge_index)
    adjacency = normalized_adjacency(data.edge_index, 30).to_dense()
    assert torch.allclose(method(data), h + torch.linalg.matrix_power(adjacency, 3) @ h, atol=1e-5)
    assert torch.equal(build(hops=0)(data), build().encoder(data.x, data.edge_index))
