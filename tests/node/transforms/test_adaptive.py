import math

import pytest
import torch
from torch_geometric.data import Data

from gnnclr.node import AdaptiveEdgeDrop, AdaptiveFeatureMask, SparseFeatures, drop_probability, gca_view, sbm

# A path 0-1-2 and an edge 2-3: degrees 1, 2, 2, 1.
PATH = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])


def test_edge_probabilities_by_hand():
    # Edges to nodes of degree 2 score log 2 (four of six), the others 0: weights 0 and log 2 / (log 2 − 4/6 log 2) = 3.
    view = AdaptiveEdgeDrop(0.2)
    assert torch.allclose(view._compute(PATH, 4), torch.tensor([0.0, 0.6, 0.0, 0.0, 0.6, 0.0]))
    assert AdaptiveEdgeDrop(0.3)._compute(PATH, 4).max().item() == pytest.approx(0.7)  # .9 without the threshold


def test_feature_probabilities_by_hand():
    # Feature 0 on nodes 0 and 3 weighs 2, feature 1 on node 1 weighs 2, feature 2 on 1 and 2 weighs 4; 3 is absent.
    x = torch.tensor([[1.0, 0, 0, 0], [0, 1, 1, 0], [0, 0, -1, 0], [1, 0, 0, 0]])
    view = AdaptiveFeatureMask(0.2)
    weight = torch.tensor([math.log(2), math.log(2), 0.0])
    expected = weight / weight.mean() * 0.2
    assert torch.allclose(view._compute(x, PATH)[:3], expected)
    assert torch.allclose(view._compute(x.to_sparse_csr(), PATH)[:3], expected)


def test_drop_probability():
    score = torch.tensor([0.0, 1.0, 2.0])
    # w = (2 − s) / (2 − 1)
    assert torch.allclose(drop_probability(score, 0.3), torch.tensor([0.6, 0.3, 0.0]))
    assert torch.allclose(drop_probability(score, 0.3, 0.5), torch.tensor([0.5, 0.3, 0.0]))
    assert torch.allclose(drop_probability(torch.full((4,), -3.0), 0.3), torch.full((4,), 0.3))
    rare = torch.tensor([float("-inf"), 0.0, 1.0, 2.0])
    assert torch.allclose(drop_probability(rare, 0.3)[1:], drop_probability(score, 0.3))
    assert drop_probability(torch.full((2,), float("-inf")), 0.9).tolist() == pytest.approx([0.7, 0.7])


@pytest.mark.parametrize("centrality", ["degree", "pagerank", "eigenvector"])
def test_edges_are_dropped_as_often_as_their_probability(centrality):
    data = sbm(100, num_features=20)
    data.edge_number = torch.arange(data.num_edges).float()
    view = AdaptiveEdgeDrop(0.3, centrality)
    probability = view._compute(data.edge_index, 100)
    assert 0.2 < probability.mean() <= 0.3 + 1e-6 and probability.min() >= 0 and probability.max() <= 0.7 + 1e-6
    torch.manual_seed(0)
    dropped = torch.zeros(data.num_edges)
    for _ in range(300):
        seen = view(data)
        assert seen.edge_index.equal(data.edge_index[:, seen.edge_number.long()])
        dropped += 1
        dropped[seen.edge_number.long()] -= 1
    assert (dropped / 300 - probability).abs().max() < 0.12
    assert data.num_edges == dropped.numel()


def test_edges_to_central_nodes_are_spared():
    data = sbm(200, num_features=20)
    probability = AdaptiveEdgeDrop(0.3)._compute(data.edge_index, 200)
    degree = torch.bincount(data.edge_index[1], minlength=200)[data.edge_index[1]]
    assert torch.corrcoef(torch.stack([probability, degree.float()]))[0, 1] < -0.8


def test_probabilities_are_computed_once_for_a_graph():
    data, view = sbm(60, num_features=20), gca_view(0.3, 0.2)
    mask, drop = view.transforms
    view(data)
    first = (mask._probability._last[1], drop._probability._last[1])
    view(data)
    assert mask._probability._last[1] is first[0] and drop._probability._last[1] is first[1]
    view(sbm(60, num_features=20, seed=1))
    assert drop._probability._last[1] is not first[1]


def test_sparse_features_are_masked_as_dense_ones():
    data = sbm(60, num_features=30)
    sparse = SparseFeatures(1.0)(Data(x=data.x.clone(), edge_index=data.edge_index))
    torch.manual_seed(0)
    dense = gca_view(0.3, 0.4)(data)
    torch.manual_seed(0)
    other = gca_view(0.3, 0.4)(sparse)
    assert other.x.layout == torch.sparse_csr and other.x.to_dense().equal(dense.x)
    assert other.edge_index.equal(dense.edge_index)
    assert ((dense.x == 0).all(dim=0) & data.x.any(dim=0)).any()


def test_graphs_without_edges_and_features():
    data = Data(x=torch.zeros(4, 3), edge_index=torch.empty(2, 0, dtype=torch.long))
    for centrality in ("degree", "pagerank", "eigenvector"):
        view = gca_view(0.5, 0.5, centrality)(data)
        assert view.num_edges == 0 and view.x.equal(data.x)
    assert gca_view(0.0, 0.0)(data).x is data.x


def test_errors():
    with pytest.raises(ValueError, match="'p' must be a probability"):
        AdaptiveEdgeDrop(1.2)
    with pytest.raises(ValueError, match="'threshold' must be a probability"):
        AdaptiveFeatureMask(0.2, threshold=-1)
    with pytest.raises(ValueError, match="'centrality' must be one of"):
        AdaptiveEdgeDrop(0.2, "closeness")
    assert str(AdaptiveEdgeDrop(0.2)) == "AdaptiveEdgeDrop(0.2, centrality='degree')"
