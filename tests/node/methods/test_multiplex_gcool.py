import pytest
import torch
import torch.nn.functional as F

from gnnclr.losses import CLIPLoss, ReSCLoss
from gnnclr.node import GCNEncoder, GCooL, deca_loss, sbm
from gnnclr.node.datasets.multiplex import MultiplexData
from gnnclr.node.methods.multiplex_gcool import MultiplexGCooL


def toy(count=2):
    graphs = [sbm(40, 2, 20, degree=4.0 + 2 * i, seed=i) for i in range(count)]
    return MultiplexData(graphs[0].x, {f"r{i}": graph.edge_index for i, graph in enumerate(graphs)}, graphs[0].y)


@pytest.mark.parametrize("similarity", ["cosine", "rbf"])
def test_two_relations_are_two_views(similarity):
    data = toy()
    torch.manual_seed(0)
    encoder, projector = GCNEncoder(20, 16, 8), torch.nn.Linear(8, 5)
    settings = {"similarity": similarity, "temperature": 0.3, "deca_weight": 0.9, "gamma": 0.1, "stride": 20}
    views = (lambda _: data.relation("r0"), lambda _: data.relation("r1"))
    single = GCooL(encoder, projector, 3, views, alpha_rate=0.5, channels=5, **settings)
    method = MultiplexGCooL(encoder, projector, 3, alpha_rate=0.5, channels=5, **settings)
    method.communities.centers = single.centers
    for _ in range(11):
        expected, expected_logs = single.training_step_loss(data.relation("r0"))
        value, logs = method.training_step_loss(data)
        assert torch.allclose(value, expected) and logs.keys() == expected_logs.keys()
        single.after_optimizer_step()
        method.after_optimizer_step()
    assert "deca" not in logs  # the last step is after the end of the community parts


def test_three_relations_with_their_own_encoders():
    data = toy(3)
    torch.manual_seed(0)
    encoders = [GCNEncoder(20, 16, 8) for _ in range(3)]
    method = MultiplexGCooL(encoders, num_communities=4, stride=10, alpha_rate=1.0)
    method.communities.step.fill_(5)
    value, logs = method.training_step_loss(data)
    z = [F.normalize(encoder(data.x, view.edge_index)) for encoder, view in zip(encoders, data.views())]
    r = [method.communities.assign(part) for part in z]
    k = [part.argmax(dim=1) for part in r]
    node, communal = CLIPLoss(0.4, learnable=False), ReSCLoss(0.4)
    pairs = [(0, 1), (0, 2), (1, 2)]
    deca = sum(deca_loss(a, view.edge_index) for a, view in zip(r, data.views())) / 3
    com = sum(communal(z[a], z[b], community=k[a], other_community=k[b]) for a, b in pairs) / 3
    beta = torch.exp(torch.tensor(-0.5))
    expected = sum(node(z[a], z[b]) for a, b in pairs) / 3 + 0.5 * (beta * deca + (1 - beta) * com)
    assert torch.allclose(value, expected) and torch.allclose(logs["deca"], deca)
    value.backward()
    assert all(p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in method.parameters())
    assert method.embed(data).shape == (40, 8)


def test_state_has_the_step():
    method = MultiplexGCooL(GCNEncoder(20, 8, 8), num_communities=2)
    method.after_optimizer_step()
    other = MultiplexGCooL(GCNEncoder(20, 8, 8), num_communities=2)
    other.load_state_dict(method.state_dict())
    assert other.communities.schedule() == method.communities.schedule() != (1.0, 1.0)


def test_errors():
    with pytest.raises(ValueError, match="'channels' must be given"):
        MultiplexGCooL([torch.nn.Identity()])
    with pytest.raises(ValueError, match="'num_communities' must be an integer of at least 2"):
        MultiplexGCooL(GCNEncoder(2, 2, 2), num_communities=1)
    with pytest.raises(ValueError, match="at least two relations"):
        MultiplexGCooL(GCNEncoder(20, 2, 2)).training_step_loss(MultiplexData(toy().x, {"r0": toy().edge_index_r0}))
