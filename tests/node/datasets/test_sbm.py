import pytest
import torch
from torch_geometric.utils import homophily, is_undirected

from gnnclr.eval import Split
from gnnclr.node import sbm


def test_sizes_and_masks():
    data = sbm(607, num_classes=5, num_features=30, degree=10, homophily=0.7, seed=1)
    assert data.x.shape == (607, 30) and set(data.x.unique().tolist()) == {0.0, 1.0}
    counts = torch.bincount(data.y)
    assert counts.numel() == 5 and counts.max() - counts.min() <= 1
    assert is_undirected(data.edge_index) and data.validate()
    assert abs(data.num_edges / 607 - 10) < 0.7
    assert abs(homophily(data.edge_index, data.y, method="edge") - 0.7) < 0.05
    split = Split.from_masks(data)
    assert torch.bincount(data.y[split.train]).tolist() == [5] * 5
    assert torch.bincount(data.y[split.val]).tolist() == [10] * 5
    assert split.train.numel() + split.val.numel() + split.test.numel() == 607


def test_seed_decides_and_the_global_generator_is_left_alone():
    state = torch.get_rng_state()
    a, b, c = sbm(100, seed=1), sbm(100, seed=1), sbm(100, seed=2)
    assert torch.equal(state, torch.get_rng_state())
    assert a.x.equal(b.x) and a.edge_index.equal(b.edge_index) and a.train_mask.equal(b.train_mask)
    assert not a.x.equal(c.x)


def test_one_node_a_community():
    assert sbm(6, num_classes=6).y.tolist() == list(range(6))


@pytest.mark.parametrize(
    "change", [{"num_classes": 0}, {"num_nodes": 2.5}, {"num_features": 0}, {"homophily": 2}, {"degree": -1}]
)
def test_errors(change):
    with pytest.raises(ValueError, match=f"'{next(iter(change))}' must be"):
        sbm(**change)
