import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.transforms import Compose
from torch_geometric.utils import is_undirected

from gnnclr.node import EdgeDrop, EgoNets, FeatureMask, gca_view, grace_view, sbm


@pytest.fixture
def data():
    data = sbm(300)
    data.edge_number = torch.arange(data.num_edges).float()
    return data


def test_edge_drop(data):
    torch.manual_seed(0)
    before = data.edge_index.clone()
    view = EdgeDrop(0.3)(data)
    assert data.edge_index.equal(before)  # the graph itself stays as it is
    assert view.num_edges / data.num_edges == pytest.approx(0.7, abs=0.05)
    assert view.edge_index.equal(before[:, view.edge_number.long()])
    assert (view.edge_number.diff() > 0).all()
    assert not is_undirected(view.edge_index)
    assert str(EdgeDrop(0.3)) == "EdgeDrop(0.3)"


def test_edge_drop_of_both_directions(data):
    torch.manual_seed(0)
    view = EdgeDrop(0.3, force_undirected=True)(data)
    assert is_undirected(view.edge_index)
    assert view.num_edges / data.num_edges == pytest.approx(0.7, abs=0.05)
    assert view.edge_number.numel() == view.num_edges


@pytest.mark.parametrize("sparse", [False, True])
def test_feature_mask(data, sparse):
    torch.manual_seed(0)
    dense = data.x.clone()
    if sparse:
        data.x = data.x.to_sparse_csr()
    view = FeatureMask(0.4)(data)
    assert view.x.layout == data.x.layout
    masked = (view.x.to_dense() == 0).all(dim=0) & dense.any(dim=0)
    assert masked.float().mean().item() == pytest.approx(0.4, abs=0.1)
    assert view.x.to_dense().equal(dense * ~masked)
    assert data.x.to_dense().equal(dense)


def test_sparse_and_dense_features_are_masked_alike(data):
    torch.manual_seed(0)
    dense = FeatureMask(0.4)(data).x
    torch.manual_seed(0)
    assert FeatureMask(0.4)(Data(x=data.x.to_sparse_csr())).x.to_dense().equal(dense)


def test_probabilities_zero_and_one(data):
    view = Compose([EdgeDrop(0.0), FeatureMask(0.0)])(data)
    assert view.x is data.x and view.edge_index is data.edge_index
    view = grace_view(1.0, 1.0)(data)
    assert view.num_edges == 0 and not view.x.any()


@pytest.mark.parametrize("view", [EdgeDrop, FeatureMask])
@pytest.mark.parametrize("p", [-0.1, 1.5, "a"])
def test_errors(view, p):
    with pytest.raises(ValueError, match="'p' must be a probability"):
        view(p)


def test_attributes_that_belong_to_no_edge_stay(data):
    e = data.edge_index.size(1)
    graph = Data(x=data.x, edge_index=data.edge_index, edge_attr=torch.arange(e), edge_total=torch.ones(e + 1))
    graph.edge_kind, graph.edge_scale = "citation", torch.tensor(2.0)
    view = EdgeDrop(0.5)(graph)
    assert 0 < view.edge_attr.numel() < e and data.edge_index[:, view.edge_attr].equal(view.edge_index)
    assert view.edge_total.numel() == e + 1 and view.edge_kind == "citation" and view.edge_scale == 2


@pytest.mark.parametrize("view, key", [(EdgeDrop(0.5), "edge_index"), (FeatureMask(0.5), "x")])
def test_what_a_view_changes_must_be_there(data, view, key):
    graph = Data(x=data.x, edge_index=data.edge_index)
    for bad in (None, [graph], Data(num_nodes=3), Data(**{key: data.x[0]})):
        with pytest.raises(ValueError, match=f"'data' must be a Data with '{key}' of shape"):
            view(bad)


@pytest.mark.parametrize(
    "view", [EdgeDrop(0.5), EdgeDrop(0.5, force_undirected=True), EgoNets(0.2), gca_view(0.5, 0.0)]
)
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_weights_follow_their_edges(data, view, shape):
    source, target = data.edge_index
    number = torch.minimum(source, target) * data.num_nodes + torch.maximum(source, target)  # one for both directions
    graph = Data(x=data.x, edge_index=data.edge_index, edge_weight=number.double().view(shape))
    found = view(graph)
    low, high = found.edge_index.amin(dim=0), found.edge_index.amax(dim=0)
    assert 0 < found.num_edges < data.num_edges
    assert found.edge_weight.view(-1).equal((low * data.num_nodes + high).double())
