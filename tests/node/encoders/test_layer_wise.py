import distributed_workers
import pytest
import torch
from contracts.discovery import cases
from contracts.encoder import EncoderContract
from torch import nn
from torch_geometric.nn import GAT, GCN
from torch_geometric.utils import to_undirected

from gnnclr.nn import ContraNorm
from gnnclr.node.datasets.data import SparseFeatures
from gnnclr.node.datasets.sbm import sbm
from gnnclr.node.encoders.checkpointed import Checkpointed
from gnnclr.node.encoders.gat import GATEncoder
from gnnclr.node.encoders.gcn import GCNEncoder
from gnnclr.node.encoders.layer_wise import has_layers, layer_wise_embed
from gnnclr.node.encoders.mlp import MLPEncoder
from gnnclr.node.encoders.pyg_encoder import PyGEncoder
from gnnclr.node.sparse.adjacency import normalized_adjacency


@pytest.fixture(scope="module")
def data():
    data = sbm(83, num_features=24, degree=5.0)
    # Directed, with a loop, a repetition and nodes that nothing points to, in no order.
    generator = torch.Generator().manual_seed(0)
    edges = data.edge_index[:, torch.rand(data.num_edges, generator=generator) < 0.6]
    edges = torch.cat([edges, torch.tensor([[4, 7], [4, 9]]), edges[:, :2]], dim=1)
    data.edge_index = edges[:, torch.randperm(edges.size(1), generator=generator)]
    return data


def check(encoder, data, batch_size):
    encoder.train()
    assert has_layers(encoder)
    z = layer_wise_embed(encoder, data, batch_size)
    assert all(part.training for part in encoder.modules()) and not z.requires_grad
    with torch.no_grad():
        expected = encoder.eval()(data.x, data.edge_index)
    assert z.shape == expected.shape and torch.allclose(z, expected, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 16, 1000])
@pytest.mark.parametrize(
    "sizes,kwargs",
    [
        ((24, 16, 8), {}),
        ((24, 40, 40), {"num_layers": 3, "act": "prelu"}),
        ((24, 32, 8), {"norm": "batch_norm", "act_last": False}),
        ((24, 32, 8), {"norm": "layer_norm"}),  # over all nodes
        ((24, 32, 8), {"norm": "pair_norm"}),
    ],
)
def test_gcn_encoder(data, sizes, kwargs, batch_size):
    torch.manual_seed(0)
    encoder = GCNEncoder(*sizes, **kwargs)
    for _ in range(2):
        encoder(torch.randn(83, 24), data.edge_index)  # statistics of their own
    check(encoder, data, batch_size)
    check(Checkpointed(encoder), data, batch_size)


@pytest.mark.parametrize("batch_size", [1, 16, 1000])
@pytest.mark.parametrize("kwargs", [{}, {"num_layers": 3, "heads": 2, "act": "elu"}, {"act_last": False}])
def test_gat_encoder(data, kwargs, batch_size):
    torch.manual_seed(0)
    encoder = GATEncoder(24, 16, 8, **kwargs)
    check(encoder, data, batch_size)
    check(Checkpointed(encoder), data, batch_size)
    check(Checkpointed(encoder, layers=True), data, batch_size)


def test_gcn_encoder_with_sparse_features_and_a_matrix(data):
    torch.manual_seed(0)
    encoder = GCNEncoder(24, 16, 8)
    sparse = SparseFeatures(max_density=1.0)(data.clone())
    sparse.edge_index = normalized_adjacency(data.edge_index, 83)
    assert sparse.x.layout == torch.sparse_csr
    check(encoder, sparse, 10)
    assert torch.allclose(layer_wise_embed(encoder, sparse, 10), layer_wise_embed(encoder, data, 10), atol=1e-5)


@pytest.mark.parametrize(
    "name,kwargs",
    [
        ("gcn", {}),
        ("gcn", {"improved": True, "norm": "batch_norm", "num_layers": 3}),
        ("gcn", {"normalize": False, "add_self_loops": False}),
        ("gcn", {"norm": "layer_norm", "act_first": True}),
        ("gat", {"heads": 2, "dropout": 0.5}),
        ("gat", {"v2": True, "jk": "max"}),
        ("sage", {"jk": "cat", "act": "prelu"}),
        ("sage", {"aggr": "max", "jk": "last", "norm": "pair_norm"}),
        ("gin", {"norm": "batch_norm", "train_eps": True}),
        ("edge_cnn", {}),
        ("pna", {"aggregators": ["mean", "max"], "scalers": ["identity"], "deg": torch.tensor([3, 20, 30])}),
    ],
)
def test_models_of_pyg(data, name, kwargs):
    torch.manual_seed(0)
    encoder = PyGEncoder(name, 24, 16, 8, **kwargs)
    encoder(torch.randn(83, 24), data.edge_index)
    check(encoder, data, 16)


@pytest.mark.parametrize("model", [GCN, GAT])
def test_bare_models_and_undirected_edges(data, model):
    torch.manual_seed(0)
    data = data.clone()
    data.edge_index = to_undirected(data.edge_index)
    check(model(24, 16, 2, 8, jk="lstm"), data, 30)


@pytest.mark.parametrize("case", cases("node", EncoderContract), ids=lambda case: case.__name__.removeprefix("Test"))
def test_encoders_that_say_how(case):
    torch.manual_seed(0)
    encoder, graph = case().make(), sbm(83, num_features=case.in_channels)
    assert not hasattr(encoder, "layer_wise") or has_layers(encoder)
    if has_layers(encoder):
        check(encoder, graph, 16)
        check(Checkpointed(encoder), graph, 16)


def test_an_encoder_of_ones_own(data):
    class Doubled(nn.Module):
        def forward(self, x, edge_index):
            return 2 * x

        def layer_wise(self, x, edge_index, batch_size):
            return torch.cat([2 * block for block in x.split(batch_size)])

    check(Doubled(), data, 16)


def test_errors(data):
    assert not has_layers(MLPEncoder(24, 8, 8))
    with pytest.raises(ValueError, match="'encoder' must be a GCNEncoder, a GATEncoder, a PyGEncoder"):
        layer_wise_embed(MLPEncoder(24, 8, 8), data)
    for encoder in (PyGEncoder("gcn", 24, 8, 8, norm=ContraNorm()), PyGEncoder("gin", 24, 8, 8, norm="layer_norm")):
        assert not has_layers(encoder) and not has_layers(Checkpointed(encoder))
        with pytest.raises(ValueError, match=r"'encoder' must have layers EdgeConv, .*without norms over all nodes"):
            layer_wise_embed(encoder, data)
    with pytest.raises(ValueError, match="'batch_size' must be a positive integer"):
        layer_wise_embed(GCNEncoder(24, 8, 8), data, 0)


@pytest.mark.parametrize("encoder", [GCNEncoder(24, 8, 8), GATEncoder(24, 8, 8), PyGEncoder("gat", 24, 8, 8)])
def test_width_and_precision_of_features(data, encoder):
    z = layer_wise_embed(encoder, data, 10)
    double = data.clone().update({"x": data.x.double()})
    assert torch.allclose(layer_wise_embed(encoder, double, 10), z)
    with pytest.raises(ValueError, match=r"'x' must have shape \[n, 24\]"):
        layer_wise_embed(encoder, data.clone().update({"x": data.x[:, :9]}), 10)


@pytest.mark.parametrize("batch_size", [7, 1000])
def test_processes_share_the_nodes(data, gloo, batch_size):
    """An odd number of them, of which each computes a range; sparse features and weights too."""
    torch.manual_seed(0)
    encoders = [
        GCNEncoder(24, 16, 8),
        GCNEncoder(24, 40, 40, num_layers=3, norm="batch_norm"),
        GATEncoder(24, 16, 8),
        PyGEncoder("sage", 24, 16, 8, jk="cat"),
    ]
    weighted = data.clone()
    weighted.edge_weight = torch.rand(data.num_edges) + 0.1
    for given in (data, weighted):
        expected = [layer_wise_embed(encoder, given, batch_size) for encoder in encoders]
        for found, refused in gloo(distributed_workers.layer_wise, encoders, given, batch_size):
            for z, wanted in zip(found, expected):
                torch.testing.assert_close(z, wanted, atol=1e-5, rtol=1e-5)
            assert refused[0].startswith("'data' must be a graph and an encoder of the same size on all processes")
            assert refused[1] == "'data' must have a node for each of 2 processes (got 1 nodes)"


def test_processes_must_be_joined(data):
    with pytest.raises(ValueError, match="'over_processes' must be False without a process group"):
        layer_wise_embed(GCNEncoder(24, 16, 8), data, over_processes=True)
