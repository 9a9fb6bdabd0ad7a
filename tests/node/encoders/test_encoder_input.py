import inspect

import pytest
import torch
from contracts.discovery import cases, check_has_test_class, public
from contracts.encoder import EncoderContract
from torch import nn

from gnnclr.node import GCNEncoder, MLPEncoder, NodeMethod, sbm
from gnnclr.node.encoders.encoder_input import encoder_input


def is_encoder(kind):
    """Whether its objects map features and edges to embeddings."""
    called, made = (inspect.signature(function).parameters for function in (kind.forward, kind))
    return {"x", "edge_index"} <= set(called) and "out_channels" in made and not issubclass(kind, NodeMethod)


@pytest.mark.parametrize("kind", [*filter(is_encoder, public("node", nn.Module))], ids=lambda kind: kind.__name__)
def test_every_encoder_has_a_test_class(kind):
    check_has_test_class(kind, "node", EncoderContract, "make")


def test_features_in_the_type_of_the_weights():
    x, weight = torch.randn(3, 2, dtype=torch.float64), torch.zeros(1)
    assert encoder_input(x, 2, weight).dtype == torch.float32
    assert encoder_input(x, -1, weight).equal(x.float())
    sparse = x.to_sparse_csr()
    assert encoder_input(sparse, 2, weight) is sparse
    for bad in (x[0], x[:, :1], None):
        with pytest.raises(ValueError, match=r"'x' must have shape \[n, 2\], the encoder's 'in_channels'"):
            encoder_input(bad, 2, weight)


@pytest.mark.parametrize("case", cases("node", EncoderContract), ids=lambda case: case.__name__.removeprefix("Test"))
def test_encoders_take_any_precision_and_one_width(case):
    torch.manual_seed(0)
    encoder, data = case().make().eval(), sbm(30, num_features=case.in_channels)
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
