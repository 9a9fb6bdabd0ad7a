import math

import pytest
import torch
import torch.nn.functional as F
from contracts.node_method import NodeMethodContract

from gnnclr.losses import InfoNCELoss, ReSCLoss
from gnnclr.node import GCNEncoder, GCooL, deca_loss, sbm


class TestGCooL(NodeMethodContract):
    similarity = "cosine"

    def make(self):
        return GCooL(self.gcn(), self.head(), num_communities=4, stride=10, similarity=self.similarity)


class TestRBF(TestGCooL):
    similarity = "rbf"


def build(**kwargs):
    torch.manual_seed(0)
    return GCooL(GCNEncoder(20, 8, 8), num_communities=3, **kwargs)


@pytest.mark.parametrize("similarity", ["cosine", "rbf"])
def test_loss_is_the_weighted_sum_of_its_parts(similarity):
    data = sbm(40, num_features=20)
    method = build(similarity=similarity, stride=20, alpha_rate=0.5, temperature=0.3, deca_weight=0.9, gamma=0.1)
    method.step.fill_(4)
    torch.manual_seed(1)
    loss, logs = method.training_step_loss(data)
    torch.manual_seed(1)
    views = [view(data) for view in method.views]
    z = [F.normalize(method.encoder(v.x, v.edge_index)) for v in views]
    centers = F.normalize(method.centers)
    logits = [h @ centers.t() / 0.3 if similarity == "cosine" else -(torch.cdist(h, centers) ** 2) / 0.09 for h in z]
    r = [logit.softmax(dim=1) for logit in logits]
    deca = sum(deca_loss(a, v.edge_index, 0.9) for a, v in zip(r, views)) / 2
    own, other = (a.argmax(dim=1) for a in r)
    com = ReSCLoss(0.3, similarity, 0.1 * (similarity == "rbf"))(*z, community=own, other_community=other)
    nce = InfoNCELoss(0.3)
    alpha, beta = 1 - 4 / 10, math.exp(-4 / 20)
    expected = (nce(*z) + nce(*z[::-1])) / 2 + alpha * (beta * deca + (1 - beta) * com)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert logs["deca"].item() == pytest.approx(deca.item(), rel=1e-4)


def test_schedule_and_its_end():
    data, method = sbm(40, num_features=20), build(stride=10)
    seen = []
    for _ in range(4):
        seen.append(method.schedule())
        method.after_optimizer_step()
    alphas, betas = zip(*seen)
    assert alphas == pytest.approx((1, 0.5, 0, 0)) and betas == pytest.approx([math.exp(-t / 10) for t in range(4)])
    loss, logs = method.training_step_loss(data)
    loss.backward()
    assert method.centers.grad is None and "deca" not in logs


def test_dense_communities_train_the_centres_only():
    data, method = sbm(40, num_features=20), build()
    z = F.normalize(method.encoder(data.x, data.edge_index))
    deca_loss(method.assign(z), data.edge_index).backward()
    assert method.centers.grad.abs().sum() > 0
    assert all(p.grad is None for p in method.encoder.parameters())


@pytest.mark.parametrize(
    "kwargs,message",
    [
        ({"similarity": "dot"}, "'similarity' must be one of"),
        ({"stride": 0}, "'stride' must be a positive number"),
        ({"temperature": -1.0}, "'temperature' must be a positive number"),
    ],
)
def test_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        build(**kwargs)
    with pytest.raises(ValueError, match="'num_communities' must be an integer of at least 2"):
        GCooL(GCNEncoder(2, 2, 2), num_communities=1)
