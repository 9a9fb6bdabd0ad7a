import copy

import pytest
import torch
from torch import nn
from torch_geometric.nn import (
    APPNP,
    GAT,
    GCN,
    GATConv,
    GCNConv,
    GraphConv,
    GraphSAGE,
    SAGEConv,
    Sequential,
    SGConv,
    TransformerConv,
)

from gnnclr.graph import WeightedEdges
from gnnclr.nn import ContraNorm, MomentumEncoder
from gnnclr.node import (
    Checkpointed,
    GATEncoder,
    GCNEncoder,
    MLPEncoder,
    PropagatedMLP,
    PyGEncoder,
    SGCEncoder,
    layer_wise_embed,
    sbm,
)
from gnnclr.node.encoders.encode import encode, weight_argument


@pytest.fixture(scope="module")
def data():
    """Directed, with a loop, a repetition and nodes that nothing points to, in no order."""
    data, generator = sbm(50, num_features=8), torch.Generator().manual_seed(0)
    edges = data.edge_index[:, torch.rand(data.num_edges, generator=generator) < 0.6]
    edges = torch.cat([edges, torch.tensor([[4, 7], [4, 9]]), edges[:, :2]], dim=1)
    data.edge_index = edges[:, torch.randperm(edges.size(1), generator=generator)]
    data.edge_weight = torch.rand(data.num_edges, generator=generator)
    return data


WEIGHTS = {"random": lambda w: w, "scaled": lambda w: torch.full_like(w, 7.5), "some zero": lambda w: w * (w > 0.3)}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_gcn_equals_pyg(data, kind):
    torch.manual_seed(0)
    weight = WEIGHTS[kind](data.edge_weight)
    encoder, conv = GCNEncoder(8, 6, 6, num_layers=1, act_last=False), GCNConv(8, 6)
    conv.lin.weight.data.copy_(encoder.layers[0].weight.t())
    expected = conv(data.x, data.edge_index, weight)
    for x in (data.x, data.x.to_sparse_csr()):
        assert torch.allclose(encoder(x, data.edge_index, weight), expected, atol=1e-6)
    assert torch.allclose(encode(encoder, data.x, WeightedEdges(data.edge_index, weight)), expected, atol=1e-6)
    assert not torch.allclose(encoder(data.x, data.edge_index), expected, atol=1e-3)


@pytest.mark.parametrize("kind", WEIGHTS)
def test_propagation_equals_pyg(data, kind):
    torch.manual_seed(0)
    weight = WEIGHTS[kind](data.edge_weight)
    encoder, conv = SGCEncoder(8, 4, hops=3), SGConv(8, 4, K=3, bias=False)
    nn.init.zeros_(encoder.linear.bias)
    conv.lin.weight.data.copy_(encoder.linear.weight.data)
    assert torch.allclose(encoder(data.x, data.edge_index, weight), conv(data.x, data.edge_index, weight), atol=1e-6)
    mlp = PropagatedMLP(8, 4, 4, alpha=0.2, hops=5, centered=False)
    expected = mlp.mlp(APPNP(K=5, alpha=0.2)(data.x, data.edge_index, weight))
    assert torch.allclose(mlp(data.x, data.edge_index, edge_weight=weight), expected, atol=1e-6)


def test_attention_equals_pyg(data):
    torch.manual_seed(0)
    encoder, conv = (
        GATEncoder(8, 6, 6, num_layers=1, heads=2, act_last=False, edge_dim=1).eval(),
        GATConv(8, 3, 2, edge_dim=1),
    )
    conv.load_state_dict(encoder.convs[0].state_dict())
    z = encoder(data.x, data.edge_index, data.edge_weight)
    assert torch.allclose(z, conv(data.x, data.edge_index, data.edge_weight.unsqueeze(1)), atol=1e-6)
    z.sum().backward()
    assert encoder.convs[0].lin_edge.weight.grad.abs().sum() > 0


MAKE = {
    "gcn": lambda: GCNEncoder(8, 6, 6, norm="batch_norm"),
    "sgc": lambda: SGCEncoder(8, 6),
    "propagated": lambda: PropagatedMLP(8, 6, 6),
    "gat": lambda: GATEncoder(8, 8, 8, edge_dim=1),
    "pyg gcn": lambda: PyGEncoder("gcn", 8, 6, 6),
    "pyg gat": lambda: PyGEncoder("gat", 8, 6, 6, edge_dim=1),
    "pyg gcn, not normalized": lambda: PyGEncoder("gcn", 8, 6, 6, normalize=False, add_self_loops=False),
    "pyg gcn, contra norm": lambda: PyGEncoder("gcn", 8, 6, 6, norm=ContraNorm()),
    "pyg pna": lambda: PyGEncoder(
        "pna", 8, 6, 6, edge_dim=1, aggregators=["mean"], scalers=["identity"], deg=torch.tensor([3, 20, 30])
    ),
    "bare": lambda: GCN(8, 6, 2, 6),
    "conv": lambda: GraphConv(8, 6),
    "transformer": lambda: TransformerConv(8, 6, edge_dim=1),
    "sequential": lambda: Sequential(
        "x, edge_index, edge_weight", [(GCNConv(8, 6), "x, edge_index, edge_weight -> x")]
    ),
}


@pytest.mark.parametrize("wrap", [lambda e: e, Checkpointed, lambda e: Checkpointed(MomentumEncoder(e))])
@pytest.mark.parametrize("name", MAKE)
def test_weights_reach_every_encoder_that_takes_them(data, name, wrap):
    torch.manual_seed(0)
    encoder = wrap(MAKE[name]()).eval()
    assert weight_argument(encoder) in ("edge_weight", "edge_attr")
    with torch.no_grad():
        z = encode(encoder, data.x, WeightedEdges(data.edge_index, data.edge_weight))
        assert not torch.allclose(z, encode(encoder, data.x, WeightedEdges(data.edge_index, 2 * data.edge_weight)))
        assert z.equal(encode(encoder, data.x, WeightedEdges(data.edge_index, data.edge_weight.double()))) or name in (
            "gcn",
            "sgc",
            "propagated",  # which normalize in the type of the weights
        )


@pytest.mark.parametrize("name", ["gcn", "sgc", "propagated", "pyg gcn", "bare"])
def test_weights_of_one_give_the_numbers_of_none_to_the_bit(data, name):
    torch.manual_seed(0)
    encoder = MAKE[name]().eval()
    ones = WeightedEdges(data.edge_index, torch.ones(data.num_edges))
    with torch.no_grad():
        assert encode(encoder, data.x, ones).equal(encode(encoder, data.x, data.edge_index))


@pytest.mark.parametrize(
    "encoder",
    [
        MLPEncoder(8, 4, 4),
        GATEncoder(8, 4, 4),
        PyGEncoder("gat", 8, 4, 4),
        PyGEncoder("sage", 8, 4, 4),
        PyGEncoder("gin", 8, 4, 4),
        GAT(8, 4, 2, 4),
        GraphSAGE(8, 4, 2, 4),
        SAGEConv(8, 4),
        GATConv(8, 4),
        GATConv(8, 4, edge_dim=3),
    ],
    ids=lambda encoder: type(encoder).__name__,
)
def test_others_take_none(data, encoder):
    assert weight_argument(encoder) is None
    encoder = copy.deepcopy(encoder).eval()
    z = encode(encoder, data.x, WeightedEdges(data.edge_index, data.edge_weight))
    assert z.equal(encode(encoder, data.x, data.edge_index))


@pytest.mark.parametrize("encoder", [GATEncoder(8, 4, 4), PyGEncoder("gat", 8, 4, 4), PyGEncoder("sage", 8, 4, 4)])
def test_weights_that_would_be_dropped_are_refused(data, encoder):
    with pytest.raises(ValueError, match=r"'edge_weight' must be None for this \w+, which takes no weights"):
        encoder(data.x, data.edge_index, data.edge_weight)
    with pytest.raises(ValueError, match="'edge_dim' must be an integer from 1 to 1 or None"):
        GATEncoder(8, 4, 4, edge_dim=2)


@pytest.mark.parametrize("batch_size", [1, 16, 1000])
@pytest.mark.parametrize("name", ["gcn", "gat", "pyg gcn", "pyg gat", "pyg gcn, not normalized", "pyg pna"])
def test_layer_by_layer(data, name, batch_size):
    torch.manual_seed(0)
    encoder = MAKE[name]().eval()
    with torch.no_grad():
        expected = encode(encoder, data.x, WeightedEdges(data.edge_index, data.edge_weight))
    assert torch.allclose(layer_wise_embed(encoder, data, batch_size), expected, atol=1e-5)
    assert torch.allclose(layer_wise_embed(Checkpointed(encoder), data, batch_size), expected, atol=1e-5)
    if name == "pyg pna":  # whose layers are made for weights
        return
    plain = data.clone()
    del plain.edge_weight
    assert not torch.allclose(layer_wise_embed(encoder, plain, batch_size), expected, atol=1e-3)


def test_layer_by_layer_without_weights_where_none_are_taken(data):
    encoder = PyGEncoder("sage", 8, 4, 4).eval()
    with torch.no_grad():
        assert torch.allclose(layer_wise_embed(encoder, data, 16), encoder(data.x, data.edge_index), atol=1e-5)


def test_the_matrix_of_a_weighted_graph_is_made_once(data, monkeypatch):
    calls = []
    encoder = GCNEncoder(8, 4, 4)
    make = encoder._adjacency.function
    encoder._adjacency.function = lambda *args: calls.append(0) or make(*args)
    for _ in range(3):
        encode(encoder, data.x, WeightedEdges(data.edge_index, data.edge_weight))
    assert len(calls) == 1
