import pytest
import torch
import torch.nn.functional as F
from contracts.node_method import NodeMethodContract

from gnnclr.node import BGRL, DGI, GRACE, GCNEncoder, WithFeatures, ppr_features, sbm


class TestWithFeatures(NodeMethodContract):
    def make(self):
        return WithFeatures(DGI(self.one_layer()))


def test_embeddings_are_joined_by_features():
    data = sbm(40, num_features=20)
    torch.manual_seed(0)
    method = WithFeatures(DGI(GCNEncoder(20, 8, 8)), weight=0.5, alpha=0.2, hops=3)
    z = method.embed(data)
    inner = method.method.embed(data)
    standard = (inner - inner.mean(dim=0)) / inner.std(dim=0, correction=0).clamp(min=1e-6)
    features = ppr_features(data.x, data.edge_index, 0.2, 3)
    assert torch.allclose(z[:, :8], standard / 8**0.5, atol=1e-5)
    assert torch.allclose(z[:, 8:], 0.5 * F.normalize(features - features.mean(dim=0)), atol=1e-6)


def test_training_and_the_hook_are_the_methods_own():
    data = sbm(40, num_features=20)
    torch.manual_seed(0)
    inner = BGRL(GCNEncoder(20, 8, 8))
    method = WithFeatures(inner)
    losses = []
    for one in (inner, method):
        torch.manual_seed(1)
        losses.append(one.training_step_loss(data)[0].item())
    assert losses[0] == losses[1]
    method.after_optimizer_step()
    assert inner.target.step == 1
    WithFeatures(GRACE(GCNEncoder(20, 8, 8))).after_optimizer_step()  # a method without the hook


def test_errors():
    with pytest.raises(ValueError, match="'weight' must be a positive number"):
        WithFeatures(DGI(GCNEncoder(2, 2, 2)), weight=0.0)
