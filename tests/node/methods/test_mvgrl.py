import pytest
import torch
import torch.nn.functional as F
from contracts.node_method import NodeMethodContract

from gnnclr.node import MVGRL, GCNEncoder, csr_tensor, ppr_matrix, sbm


class TestMVGRL(NodeMethodContract):
    def make(self):
        return MVGRL(self.one_layer(), self.one_layer())


def build(**kwargs):
    torch.manual_seed(0)
    encoders = [GCNEncoder(20, 8, 8, num_layers=1, act="prelu") for _ in range(2)]
    return MVGRL(*encoders, **kwargs)


def test_loss_crosses_views_and_summaries():
    data, method = sbm(30, num_features=20), build()
    torch.manual_seed(1)
    loss, _ = method.training_step_loss(data)
    torch.manual_seed(1)
    other = data.x[torch.randperm(30)]
    diffusion = ppr_matrix(data.edge_index, 30)
    h1, h2 = method.encoder(data.x, data.edge_index), method.diffusion_encoder(data.x, diffusion)
    h3, h4 = method.encoder(other, data.edge_index), method.diffusion_encoder(other, diffusion)
    c1, c2 = (h.mean(dim=0).sigmoid() for h in (h1, h2))
    logits = [h @ method.discriminator.weight @ c for h, c in ((h2, c1), (h1, c2), (h4, c1), (h3, c2))]
    labels = torch.cat([torch.ones(60), torch.zeros(60)])
    # The mean of both classes in the place of the sum of their means.
    expected = 2 * F.binary_cross_entropy_with_logits(torch.cat(logits), labels)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_embeddings_add_both_encoders_and_the_graph_is_diffused_once():
    data, calls = sbm(30, num_features=20), []

    def diffusion(edge_index, n):
        calls.append(n)
        node = torch.arange(n)
        return csr_tensor(node, node, torch.ones(n), (n, n))

    method = build(diffusion=diffusion)
    method.training_step_loss(data)
    z = method(data)
    alone = torch.nn.functional.prelu(
        data.x @ method.diffusion_encoder.layers[0].weight, method.diffusion_encoder.activations[0].weight
    )
    assert torch.allclose(z, method.encoder(data.x, data.edge_index) + alone, atol=1e-5)
    assert calls == [30]
