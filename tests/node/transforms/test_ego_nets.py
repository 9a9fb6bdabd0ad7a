import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data
from torch_geometric.transforms import Compose

from gnnclr.node import GRACE, EgoNets, FeatureMask, GCNEncoder, sbm


def literal(data, roots, num_hops):
    """The edges between nodes that reach a root in so many steps."""
    near = set(roots)
    for _ in range(num_hops):
        near |= {u for u, v in data.edge_index.t().tolist() if v in near}
    return [[u, v] for u, v in data.edge_index.t().tolist() if u in near and v in near]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 12), st.integers(0, 30), st.integers(1, 3), st.floats(0, 1))
def test_equals_a_literal_search(seed, n, edges, num_hops, p):
    torch.manual_seed(seed)
    data = Data(x=torch.randn(n, 2), edge_index=torch.randint(n, (2, edges)))
    torch.manual_seed(seed)
    view = EgoNets(p, num_hops)(data)
    torch.manual_seed(seed)
    roots = torch.randperm(n)[: max(1, round(p * n))].tolist()
    assert view.edge_index.t().tolist() == literal(data, roots, num_hops)
    assert view.x is data.x and view.num_nodes == n


def test_attributes_stay_with_their_edges():
    data = sbm(200)
    data.edge_number = torch.arange(data.num_edges).float()
    before = data.edge_index.clone()
    view = EgoNets(0.05)(data)
    assert 0 < view.num_edges < data.num_edges
    assert view.edge_index.equal(before[:, view.edge_number.long()])
    assert data.edge_index.equal(before)  # the graph itself stays as it is
    assert str(EgoNets(0.05)) == "EgoNets(0.05, num_hops=1)"


def test_views_differ_and_all_nodes_are_all_edges():
    data = sbm(200)
    one, other = EgoNets(0.05)(data).edge_index, EgoNets(0.05)(data).edge_index
    assert not torch.equal(one, other)
    assert EgoNets(1.0)(data).edge_index.equal(data.edge_index)


def test_no_nodes_and_no_edges():
    empty = Data(x=torch.zeros(0, 2), edge_index=torch.zeros(2, 0, dtype=torch.long))
    assert EgoNets()(empty).num_edges == 0
    lonely = Data(x=torch.zeros(3, 2), edge_index=torch.zeros(2, 0, dtype=torch.long))
    assert EgoNets(0.5, 2)(lonely).num_edges == 0


def test_composes_and_trains():
    data = sbm(60, 3, 8)
    view = Compose([EgoNets(0.3, 2), FeatureMask(0.2)])
    method = GRACE(GCNEncoder(data.num_features, 8, 8), views=(view, view))
    loss, _ = method.training_step_loss(data)
    loss.backward()
    assert loss.isfinite() and all(p.grad.isfinite().all() for p in method.parameters())


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: EgoNets(1.5), "'p' must be"),
        (lambda: EgoNets(0.1, 0), "'num_hops' must be"),
        (lambda: EgoNets()(Data(x=torch.zeros(3, 2))), "'data' must be a Data with 'edge_index'"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
