import pytest
import torch
import torch.nn.functional as F
from contracts.node_method import NodeMethodContract
from torch_geometric.nn import DeepGraphInfomax

from gnnclr.node import DGI, BilinearDiscriminator, GCNEncoder, sbm
from gnnclr.node.methods.discriminator import discrimination_accuracy


class TestDGI(NodeMethodContract):
    def make(self):
        return DGI(self.one_layer())


def build():
    torch.manual_seed(0)
    return DGI(GCNEncoder(20, 8, 8, num_layers=1, act="prelu"))


def test_loss_is_the_binary_cross_entropy_of_the_paper():
    data, method = sbm(30, num_features=20), build()
    torch.manual_seed(1)
    loss, logs = method.training_step_loss(data)
    torch.manual_seed(1)
    corrupted = data.x[torch.randperm(30)]
    z, other = method.encoder(data.x, data.edge_index), method.encoder(corrupted, data.edge_index)
    summary = torch.sigmoid(z.mean(dim=0))
    real = torch.stack([row @ method.discriminator.weight @ summary for row in z])
    fake = torch.stack([row @ method.discriminator.weight @ summary for row in other])
    expected = F.binary_cross_entropy_with_logits(real, torch.ones(30))
    expected = expected + F.binary_cross_entropy_with_logits(fake, torch.zeros(30))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    right = ((real > 0).sum() + (fake < 0).sum()) / 60
    assert logs["accuracy"].item() == pytest.approx(right.item())


def test_equals_pyg():
    data, method = sbm(30, num_features=20), build()
    pyg = DeepGraphInfomax(
        8, method.encoder, lambda z, *_: z.mean(dim=0).sigmoid(), lambda x, edges: (x.flip(0), edges)
    )
    pyg.weight.data.copy_(method.discriminator.weight.data)
    method.corruption = lambda data: sbm(30, num_features=20).update({"x": data.x.flip(0)})
    loss, _ = method.training_step_loss(data)
    expected = pyg.loss(*pyg(data.x, data.edge_index))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_discriminator():
    torch.manual_seed(0)
    discriminator = BilinearDiscriminator(4)
    assert discriminator.weight.abs().max() <= 0.5 and discriminator.weight.std() > 0.1
    z, s = torch.randn(3, 4), torch.randn(4)
    assert torch.allclose(discriminator(z, s), torch.einsum("nd,de,e->n", z, discriminator.weight, s), atol=1e-6)
    assert str(discriminator) == "BilinearDiscriminator(4)"
    accuracy = discrimination_accuracy(torch.tensor([1.0, -1.0]), torch.tensor([-1.0, -2.0]))
    assert accuracy.item() == 0.75
