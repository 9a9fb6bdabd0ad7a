import copy

import pytest
import torch
from torch import nn

from gnnclr.node.datasets.sbm import sbm
from gnnclr.node.encoders.checkpointed import Checkpointed
from gnnclr.node.encoders.gcn import GCNEncoder
from gnnclr.node.encoders.layer_wise import layer_wise_embed
from gnnclr.node.encoders.pyg_encoder import PyGEncoder
from gnnclr.node.methods.grace import GRACE

DATA = sbm(50, num_features=12)


ENCODERS = {
    "gcn": lambda: GCNEncoder(12, 16, 8, norm="batch_norm", act="prelu"),
    "gat": lambda: PyGEncoder("gat", 12, 16, 8, dropout=0.5, heads=2),
    "sage": lambda: PyGEncoder("sage", 12, 16, 8, dropout=0.3, norm="batch_norm"),
}


def step(encoder, seed):
    method = GRACE(encoder)
    torch.manual_seed(seed)
    loss = method.training_step_loss(DATA)[0]
    loss.backward()
    return loss


@pytest.mark.parametrize(
    "name,layers", [("gcn", False), ("gat", False), ("gat", True), ("sage", False), ("sage", True)]
)
def test_gradients_and_statistics_are_those_of_the_encoder(name, layers):
    torch.manual_seed(0)
    encoder = ENCODERS[name]()
    wrapped = Checkpointed(copy.deepcopy(encoder), layers)
    for seed in range(2):
        assert step(encoder, seed).item() == pytest.approx(step(wrapped, seed).item(), rel=1e-6)
    for a, b in zip(encoder.parameters(), wrapped.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, rtol=1e-5, atol=1e-7)
    for a, b in zip(encoder.buffers(), wrapped.buffers(), strict=True):
        assert torch.allclose(a, b, rtol=1e-6)


def kept(encoder):
    """Bytes that two views leave behind for the backward pass, weights and inputs not counted."""
    own = {p.data_ptr() for p in encoder.parameters()} | {DATA.x.data_ptr()}
    found = {}

    def pack(x):
        if x.data_ptr() not in own:
            found[x.data_ptr()] = x.numel() * x.element_size()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        outputs = [encoder(DATA.x, DATA.edge_index) for _ in range(2)]
    assert all(output.requires_grad for output in outputs)
    return sum(found.values())


def test_activations_are_not_kept():
    encoder = GCNEncoder(12, 64, 8)
    edges = DATA.edge_index.numel() * DATA.edge_index.element_size()
    assert kept(encoder) > 2 * 50 * 64 * 4
    assert kept(Checkpointed(encoder)) <= edges


def test_messages_of_layers_are_not_kept():
    torch.manual_seed(0)
    encoder = PyGEncoder("gat", 12, 64, 64, num_layers=3, heads=1)
    whole, z = kept(encoder), encoder(DATA.x, DATA.edge_index)
    wrapped = Checkpointed(encoder, layers=True)
    assert kept(wrapped) < whole / 4
    assert torch.allclose(wrapped(DATA.x, DATA.edge_index), z)
    assert torch.allclose(layer_wise_embed(wrapped, DATA, 7), z, atol=1e-5)


def test_a_graph_encoder_without_layers_of_pyg_is_refused():
    with pytest.raises(ValueError, match="'encoder' must have convolutions of PyG"):
        Checkpointed(GCNEncoder(12, 8, 8), layers=True)


def test_the_second_run_is_in_the_backward_pass_alone():
    class Count(nn.Module):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return x.sin().cos()

    counted = Count()
    encoder = Checkpointed(counted)
    z = encoder(torch.ones(3, requires_grad=True))
    assert counted.calls == 1
    z.sum().backward()
    assert counted.calls == 2
    with torch.no_grad():
        encoder(torch.ones(3))
    assert counted.calls == 3


def test_sizes_are_those_of_the_encoder():
    encoder = Checkpointed(GCNEncoder(12, 16, 8))
    assert (encoder.in_channels, encoder.out_channels) == (12, 8)
    assert not hasattr(encoder, "out_features")
