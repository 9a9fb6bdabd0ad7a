import torch
from contracts.node_method import NodeMethodContract

from gnnclr.losses import NTXentLoss
from gnnclr.node import GCA, GRACE, GCNEncoder, gca_view, sbm


class TestGCA(NodeMethodContract):
    def make(self):
        return GCA(self.gcn(), self.head())


def test_is_grace_with_adaptive_views():
    data = sbm(40, num_features=20)
    torch.manual_seed(0)
    encoder = GCNEncoder(20, 8, 8)
    method = GCA(encoder, loss=NTXentLoss(0.3))
    reference = GRACE(encoder, views=(gca_view(0.3, 0.1), gca_view(0.4, 0.0)), loss=NTXentLoss(0.3))
    losses = []
    for one in (method, reference):
        torch.manual_seed(1)
        losses.append(one.training_step_loss(data)[0].item())
    assert losses[0] == losses[1]
    assert GCA(encoder).loss.conv.temperature == 0.4
