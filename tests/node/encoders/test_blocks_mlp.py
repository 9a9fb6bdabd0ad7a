import pytest
import torch
import torch.nn.functional as F
from contracts.encoder import EncoderContract

from gnnclr.node import BlocksMLP, propagated_blocks, sbm

BLOCKS = [(0.5, 2), (0.1, 3)]


class TestBlocksMLP(EncoderContract):
    def make(self):
        return BlocksMLP(self.in_channels, 4, 4, blocks=BLOCKS)


def test_is_an_mlp_of_centered_blocks():
    data = sbm(50, num_features=12)
    encoder = BlocksMLP(12, 8, 4, blocks=BLOCKS)
    features = propagated_blocks(data.x, data.edge_index, BLOCKS)
    h = F.normalize(features - features.mean(dim=0))
    torch.testing.assert_close(encoder(data.x, data.edge_index), encoder.mlp(h))
    assert torch.equal(encoder.features(data.x, data.edge_index), features)
    assert encoder.features(data.x, data.edge_index) is encoder.features(data.x, data.edge_index)
    assert encoder.in_channels == 12 and encoder.mlp.in_channels == 24
    assert str(encoder) == "BlocksMLP(12, 4, num_layers=2, blocks=[ppr(0.5, 2), ppr(0.1, 3)])"


def test_features_and_embeddings_of_a_graph_are_one_propagation(monkeypatch):
    data, encoder, walked = sbm(50, num_features=12), BlocksMLP(12, 8, 4, blocks=BLOCKS), []
    features, made = encoder._features, encoder(data.x, data.edge_index)
    again = BlocksMLP(12, 8, 4, blocks=BLOCKS)
    again.load_state_dict(encoder.state_dict())
    monkeypatch.setattr(again.features, "function", lambda *args: walked.append(1) or features(*args))
    again.features(data.x, data.edge_index)
    assert torch.equal(again(data.x, data.edge_index), made) and len(walked) == 1
    assert torch.equal(made, encoder.mlp(encoder.propagate(data.x, data.edge_index)))


def test_without_blocks_it_has_the_concatenation():
    assert BlocksMLP(12, 8, 4).blocks == ((0.5, 4), (0.2, 10), (0.05, 10))
    with pytest.raises(ValueError, match="'blocks' must be pairs of alpha and hops"):
        BlocksMLP(12, 8, 4, blocks=[])
