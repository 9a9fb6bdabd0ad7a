import math

import pytest
import torch
import torch.nn.functional as F
from contracts.node_method import NodeMethodContract

from gnnclr.losses import InfoNCELoss, ReSCLoss
from gnnclr.node import GCNEncoder, GCooL, deca_loss, sbm
from gnnclr.node.methods.gcool import community_similarity


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


def literal_deca(assignment, edge_index, weight):
    """The algebra of the dense n × n adjacency matrix."""
    n = assignment.size(0)
    adjacency = torch.zeros(n, n, dtype=assignment.dtype)
    adjacency[edge_index[0], edge_index[1]] = 1
    community = assignment.t() @ adjacency @ assignment
    total = weight * community.sum() - (n - 1 + weight) * community.trace()
    return total / (n * (n - 1)) + (assignment.t() @ assignment).trace() / (2 * n)


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("weight", [0.1, 1.0, 3.0])
def test_deca_equals_the_dense_algebra(directed, weight):
    torch.manual_seed(0)
    edge_index = sbm(40, num_features=4).edge_index
    if directed:
        edge_index = edge_index[:, torch.rand(edge_index.size(1)) < 0.6]
    logits = torch.randn(40, 5, dtype=torch.double, requires_grad=True)
    expected = literal_deca(logits.softmax(dim=1), edge_index, weight)
    actual = deca_loss(logits.softmax(dim=1), edge_index, weight)
    assert actual.item() == pytest.approx(expected.item(), abs=1e-10)
    grads = [torch.autograd.grad(loss, logits)[0] for loss in (actual, expected)]
    assert torch.allclose(*grads, atol=1e-10)


def test_deca_by_hand():
    # Two pairs, each a community: all four directed edges inside, D_inter = 0, D_intra = (4 − 4 / 2) / 4.
    edge_index = torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]])
    hard = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    assert deca_loss(hard, edge_index).item() == pytest.approx(-0.5)
    # Crossed: no edge inside, λ 4 / 12 + 1 / 2.
    crossed = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    assert deca_loss(crossed, edge_index, 3.0).item() == pytest.approx(1.5)


def test_deca_without_edges():
    assert deca_loss(torch.full((3, 2), 0.5), torch.empty(2, 0, dtype=torch.long)).item() == pytest.approx(0.25)


def test_deca_errors():
    with pytest.raises(ValueError, match="'assignment' must be a floating point tensor"):
        deca_loss(torch.zeros(3, dtype=torch.long), torch.empty(2, 0, dtype=torch.long))
    with pytest.raises(ValueError, match="'edge_index' must be an integer tensor"):
        deca_loss(torch.zeros(3, 2), torch.empty(3, 0, dtype=torch.long))


def test_deca_of_no_nodes_and_edges_of_others():
    assert deca_loss(torch.empty(0, 3), torch.empty(2, 0, dtype=torch.long)) == 0
    with pytest.raises(ValueError, match="'edge_index' must hold nodes between 0 and 1"):
        deca_loss(torch.full((2, 2), 0.5), torch.tensor([[0], [2]]))


def test_similarity():
    torch.manual_seed(0)
    h, centers = F.normalize(torch.randn(5, 3)), torch.randn(4, 3)
    expected = -torch.cdist(h, centers).square() / 0.3**2
    assert torch.allclose(community_similarity(h, centers, 0.3, "rbf"), expected, atol=1e-4)
    assert torch.allclose(community_similarity(h, centers, 0.3), h @ centers.t() / 0.3)
    with pytest.raises(ValueError, match="'similarity' must be one of 'cosine', 'rbf'"):
        community_similarity(h, centers, 0.3, "dot")
