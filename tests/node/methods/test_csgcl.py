import pytest
import torch
import torch.nn.functional as F
from contracts.node_method import NodeMethodContract

from gnnclr.node import CSGCL, GCNEncoder, community_strength, sbm


def equal_halves(edge_index, num_nodes):
    return torch.arange(num_nodes) * 2 // num_nodes


class TestCSGCL(NodeMethodContract):
    takes_subgraphs = False  # which have communities of their own

    def make(self):
        return CSGCL(self.gcn(), self.head(), start=0, detector=equal_halves)


def halves(edge_index, num_nodes):
    return torch.arange(num_nodes) * 3 // (2 * num_nodes)


def build(**kwargs):
    torch.manual_seed(0)
    return CSGCL(GCNEncoder(20, 8, 8), detector=halves, **kwargs)


@pytest.mark.parametrize("batch_size", [None, 11])
@pytest.mark.parametrize("step", [0, 250])
def test_loss_is_team_up(step, batch_size):
    data = sbm(25, num_classes=3, num_features=20)
    method = build(temperature=0.5, gamma=2.0, start=100, batch_size=batch_size)
    method.step.fill_(step)
    torch.manual_seed(1)
    loss, _ = method.training_step_loss(data)
    torch.manual_seed(1)
    nodes = torch.arange(25) if batch_size is None else method.draw(data)
    u, v = (F.normalize(method.encoder(w.x, w.edge_index)[nodes]) for w in (view(data) for view in method.views))
    gamma = 1.5 if step else 0.0
    assert method.gamma() == gamma
    s = community_strength(data.edge_index, halves(None, 25))
    assert s.unique().numel() == 2
    s = s[nodes]
    team = gamma * (s.unsqueeze(0) + s.unsqueeze(1))
    total = 0.0
    for a, b in ((u, v), (v, u)):
        between, within = ((a @ x.t() + team).div(0.5).exp() for x in (b, a))
        total = total - (between.diag() / (between.sum(1) + within.sum(1) - within.diag())).log().mean() / 2
    assert loss.item() == pytest.approx(total.item(), rel=1e-4)


def test_gamma_grows_to_its_limit():
    method, seen = build(gamma=0.02, start=1), []
    for _ in range(5):
        seen.append(method.gamma())
        method.after_optimizer_step()
    assert seen == pytest.approx([0, 0, 0.01, 0.02, 0.02])


def test_leiden_by_default():
    pytest.importorskip("sknetwork")
    data = sbm(60, num_features=20)
    method = CSGCL(GCNEncoder(20, 8, 8), start=0)
    method.step.fill_(300)
    loss, _ = method.training_step_loss(data)
    loss.backward()
    assert method.encoder.layers[0].weight.grad.isfinite().all()


def test_errors():
    with pytest.raises(ValueError, match="'start' must be an integer, zero or more"):
        build(start=-1)
    with pytest.raises(ValueError, match="'gamma' must be a positive number"):
        build(gamma=0.0)
