import pytest
import torch

from gnnclr.node import GATEncoder, GCNEncoder, MLPEncoder, PropagatedMLP, PyGEncoder, SGCEncoder, sbm
from gnnclr.node.encoder_input import encoder_input

ENCODERS = {
    "gat": lambda: GATEncoder(8, 4, 4),
    "gcn": lambda: GCNEncoder(8, 4, 4),
    "mlp": lambda: MLPEncoder(8, 4, 4),
    "propagated": lambda: PropagatedMLP(8, 4, 4),
    "pyg": lambda: PyGEncoder("gat", 8, 4, 4),
    "sgc": lambda: SGCEncoder(8, 4),
}


def test_features_in_the_type_of_the_weights():
    x, weight = torch.randn(3, 2, dtype=torch.float64), torch.zeros(1)
    assert encoder_input(x, 2, weight).dtype == torch.float32
    assert encoder_input(x, -1, weight).equal(x.float())
    sparse = x.to_sparse_csr()
    assert encoder_input(sparse, 2, weight) is sparse
    for bad in (x[0], x[:, :1], None):
        with pytest.raises(ValueError, match=r"'x' must have shape \[n, 2\], the encoder's 'in_channels'"):
            encoder_input(bad, 2, weight)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_encoders_take_any_precision_and_one_width(encoder):
    torch.manual_seed(0)
    encoder, data = ENCODERS[encoder]().eval(), sbm(30, num_features=8)
    z = encoder(data.x, data.edge_index)
    for x in (data.x.half(), data.x.double(), data.x.to_sparse_csr(), data.x.double().to_sparse_csr()):
        assert torch.allclose(encoder(x, data.edge_index).float(), z, atol=1e-5)  # features are zeros and ones
    for x in (data.x[:, :7], data.x.repeat(1, 2)):
        with pytest.raises(ValueError, match=r"'x' must have shape \[n, 8\]"):
            encoder(x, data.edge_index)


@pytest.mark.parametrize("kind", [GCNEncoder, MLPEncoder])
@pytest.mark.parametrize("sizes", [(0, 4, 4), (8, 4.0, 4), (8, 4, None), (8, 4, 4, 0)])
def test_sizes(kind, sizes):
    with pytest.raises(ValueError, match="must be a positive integer"):
        kind(*sizes)
