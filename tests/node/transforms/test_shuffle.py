import torch

from gnnclr.node import FeatureShuffle, SparseFeatures, sbm
from gnnclr.node.transforms.shuffle import take_rows


def test_rows_of_sparse_features():
    torch.manual_seed(0)
    x = (torch.rand(20, 7) < 0.3).float() * torch.rand(20, 7)
    x[4] = 0
    index = torch.tensor([4, 4, 19, 0, 3, 4])
    rows = take_rows(x.to_sparse_csr(), index)
    assert rows.layout == torch.sparse_csr and rows.to_dense().equal(x[index])
    assert take_rows(x, index).equal(x[index])
    assert take_rows(x.to_sparse_csr(), index[:0]).shape == (0, 7)


def test_corruption_permutes_nodes_and_keeps_edges():
    data = sbm(50)
    torch.manual_seed(0)
    dense = FeatureShuffle()(data)
    assert dense.edge_index is data.edge_index and not dense.x.equal(data.x)
    torch.manual_seed(0)
    order = torch.randperm(50)
    assert dense.x.equal(data.x[order])
    torch.manual_seed(0)
    assert FeatureShuffle()(SparseFeatures(1.0)(data)).x.to_dense().equal(dense.x)
