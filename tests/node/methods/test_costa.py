import pytest
import torch
from contracts.node_method import NodeMethodContract

from gnnclr.losses import InfoNCELoss
from gnnclr.node import COSTA, GCNEncoder, sbm
from gnnclr.node.methods.costa import sketch_matrix


class TestCOSTA(NodeMethodContract):
    def make(self):
        return COSTA(self.gcn(), self.head())


def test_sketches_keep_covariances_on_average():
    torch.manual_seed(0)
    h = torch.randn(60, 3) @ torch.randn(3, 3)
    covariance = h.t() @ h
    sketched = [sketch_matrix(30, 60, 4).to_dense() @ h for _ in range(2000)]
    mean = torch.stack([s.t() @ s for s in sketched]).mean(dim=0)
    assert torch.allclose(mean, covariance, rtol=0.1, atol=0.03 * covariance.diag().max())
    matrix = sketch_matrix(30, 60, 4)
    assert matrix.layout == torch.sparse_csr and matrix.shape == (30, 60) and matrix._nnz() == 240


def test_loss_is_symmetric_info_nce_of_sketched_views():
    data = sbm(40, num_features=20)
    torch.manual_seed(0)
    method = COSTA(GCNEncoder(20, 8, 8), torch.nn.Linear(8, 8), ratio=0.25, nonzeros=2)
    torch.manual_seed(1)
    loss, _ = method.training_step_loss(data)
    torch.manual_seed(1)
    sketch = sketch_matrix(10, 40, 2).to_dense()
    z = [method.projector(sketch @ method.encoder(v.x, v.edge_index)) for v in (view(data) for view in method.views)]
    nce = InfoNCELoss(0.4)
    assert loss.item() == pytest.approx(0.5 * (nce(*z) + nce(*z[::-1])).item(), rel=1e-5)


def test_errors():
    with pytest.raises(ValueError, match="'ratio' must be a finite number, above 0, at most 1"):
        COSTA(GCNEncoder(2, 2, 2), ratio=0.0)
    with pytest.raises(ValueError, match="'nonzeros' must be a positive integer"):
        COSTA(GCNEncoder(2, 2, 2), nonzeros=0)
