import pytest
import torch
from contracts.node_method import NodeMethodContract

from gnnclr.losses import CCASSGLoss
from gnnclr.node import CCASSG, GCNEncoder, sbm


class TestCCASSG(NodeMethodContract):
    def make(self):
        return CCASSG(self.gcn(act_last=False))


def test_loss_is_the_papers():
    data = sbm(40, num_features=20)
    torch.manual_seed(0)
    method = CCASSG(GCNEncoder(20, 8, 8, act_last=False), CCASSGLoss(0.01))
    torch.manual_seed(1)
    loss, _ = method.training_step_loss(data)
    torch.manual_seed(1)
    z = [method.encoder(v.x, v.edge_index) for v in (view(data) for view in method.views)]
    u, v = ((h - h.mean(dim=0)) / h.std(dim=0, correction=0) for h in z)
    identity = torch.eye(8)
    expected = -(u.t() @ v).trace() / 40
    expected = expected + 0.01 * sum((identity - h.t() @ h / 40).square().sum() for h in (u, v))
    # Standardizing with n or n − 1 differs by a fortieth.
    assert loss.item() == pytest.approx(expected.item(), rel=0.03)


def test_defaults():
    method = CCASSG(GCNEncoder(20, 8, 8))
    assert isinstance(method.loss, CCASSGLoss) and isinstance(method.projector, torch.nn.Identity)
    assert [str(step) for step in method.views[0].transforms] == ["EdgeDrop(0.4)", "FeatureMask(0.1)"]
