import pytest
import torch
from torch_geometric.utils import coalesce, contains_self_loops, degree, homophily, is_undirected

from gnnclr.eval import Split, linear_probe
from gnnclr.node.datasets.sparse_sbm import sparse_sbm
from gnnclr.node.sparse.propagate import propagate_features

SMALL = {"num_nodes": 3003, "num_edges": 18_000, "num_classes": 10, "num_features": 16}


def test_sizes_degrees_and_homophily():
    data = sparse_sbm(**SMALL, homophily=0.7)
    assert data.x.shape == (3003, 16) and data.num_edges == 36_000 and data.validate()
    assert is_undirected(data.edge_index) and not contains_self_loops(data.edge_index)
    assert coalesce(data.edge_index).size(1) == 36_000
    assert bool((data.edge_index[1].diff() >= 0).all())
    counts = torch.bincount(data.y)
    assert counts.numel() == 10 and counts.max() - counts.min() <= 1
    assert 0.66 < homophily(data.edge_index, data.y, method="edge") < 0.71
    even = sparse_sbm(**SMALL, exponent=20.0, homophily=0.3)
    assert homophily(even.edge_index, even.y, method="edge") == pytest.approx(0.3, abs=0.02)
    masks = data.train_mask.long() + data.val_mask.long() + data.test_mask.long()
    assert bool((masks == 1).all()) and abs(data.train_mask.float().mean() - 0.54) < 0.03


def test_degrees_have_a_heavy_tail_that_the_exponent_makes_thinner():
    heavy, thin = (degree(sparse_sbm(**SMALL, exponent=g).edge_index[1], 3003) for g in (2.2, 20.0))
    assert heavy.mean() == pytest.approx(thin.mean().item())
    assert heavy.max() > 12 * heavy.mean() and thin.max() < 4 * thin.mean()


def test_communities_are_where_features_and_edges_say():
    data = sparse_sbm(**SMALL, signal=0.5)
    split = Split.from_masks(data)
    features = (data.x, propagate_features(data.x, data.edge_index))
    raw, propagated = (linear_probe(x, data.y, split).test for x in features)
    assert 0.2 < raw < 0.8 and propagated > raw + 0.05


def test_seed_decides_and_the_global_generator_is_left_alone():
    state = torch.get_rng_state()
    a, b, c = (sparse_sbm(**SMALL, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(state, torch.get_rng_state())
    assert a.x.equal(b.x) and a.edge_index.equal(b.edge_index) and a.train_mask.equal(b.train_mask)
    assert not a.x.equal(c.x) and not a.edge_index.equal(c.edge_index)


@pytest.mark.parametrize(
    "kwargs,message",
    [
        ({"num_classes": 1}, "'num_classes' must be an integer of at least 2"),
        ({"num_edges": 10**6}, "'num_edges' must be at most 112237, a quarter of the pairs within classes"),
        ({"homophily": 1.5}, "'homophily' must be a probability"),
        ({"exponent": 1.0}, "'exponent' must be a finite number, above 1"),
        ({"num_nodes": 0}, "'num_nodes' must be a positive integer"),
    ],
)
def test_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        sparse_sbm(**SMALL | kwargs)
