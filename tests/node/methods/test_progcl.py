import pytest
import torch
import torch.nn.functional as F
from contracts.node_method import NodeMethodContract

from gnnclr.losses import NTXentLoss
from gnnclr.node import GCNEncoder, ProGCL, grace_view, sbm


class TestProGCL(NodeMethodContract):
    def make(self):
        views = (grace_view(0.2, 0.2),) * 2
        return ProGCL(self.gcn(), self.head(), views, temperature=0.5, start=1, num_negatives=20)


def build(**kwargs):
    torch.manual_seed(0)
    return ProGCL(GCNEncoder(20, 8, 8), views=(grace_view(), grace_view()), temperature=0.3, **kwargs)


@pytest.mark.parametrize("n", [25, 11])
def test_loss_pair_by_pair(n):
    data, method = sbm(25, num_classes=3, num_features=20), build(start=0, num_negatives=25, batch_size=n)
    method.mixture.fit(torch.rand(100))
    torch.manual_seed(1)
    loss, _ = method.training_step_loss(data)
    torch.manual_seed(1)
    u, v = (F.normalize(z) for z in method.project(data, method.draw(data)))
    total = 0.0
    for a, b in ((u, v), (v, u)):
        for i in range(n):
            others = [j for j in range(n) if j != i]
            scaled = (0.5 + 0.5 * a[i] @ b[others].t()).detach()
            weight = method.mixture.posterior(scaled)[:, 0] * scaled
            weight = weight / weight.mean()
            negative = (a[i] @ b[others].t() / 0.3).exp() + (a[i] @ a[others].t() / 0.3).exp()
            positive = (a[i] @ b[i] / 0.3).exp()
            total = total - (positive / (positive + (weight * negative).sum())).log() / (2 * n)
    assert loss.item() == pytest.approx(total.item(), rel=1e-4)


def test_starts_as_grace_and_is_fitted_once():
    data, method = sbm(40, num_features=20), build(start=2)
    torch.manual_seed(1)
    loss, _ = method.training_step_loss(data)
    torch.manual_seed(1)
    assert loss.item() == pytest.approx(NTXentLoss(0.3)(*method.project(data)).item(), rel=1e-6)
    for step in range(4):
        assert bool(method.mixture.fitted) == (step > 2)
        method.training_step_loss(data)
        method.after_optimizer_step()
    alpha = method.mixture.alpha.clone()
    method.training_step_loss(data)
    assert method.mixture.alpha.equal(alpha)


def test_errors():
    with pytest.raises(ValueError, match="'num_negatives' must be an integer of at least 2"):
        build(num_negatives=1)
    with pytest.raises(ValueError, match="'start' must be an integer, zero or more"):
        build(start=-1)


def test_a_node_without_negatives_has_no_loss():
    method = build(start=0)
    one = torch.tensor([[1.0, 0.0]], requires_grad=True)
    both = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], requires_grad=True)  # opposites weigh nothing
    for rows in (one, both):
        loss = method._one_way(rows, rows, torch.arange(rows.size(0)))
        assert loss.item() == 0
        assert torch.autograd.grad(loss, rows)[0].abs().sum() == 0
