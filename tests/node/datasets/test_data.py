import pytest
import torch
from torch_geometric.data import Data

from gnnclr.node import SparseFeatures, check_node_data, sbm
from gnnclr.node.datasets.data import node_mask
from gnnclr.ops.check import check_nodes
from gnnclr.ops.memo import TensorMemo


def test_sparse_features():
    x = torch.eye(30, 40)
    assert SparseFeatures()(Data(x=x)).x.layout == torch.sparse_csr
    assert SparseFeatures()(Data(x=x)).x.to_dense().equal(x)
    assert SparseFeatures(0.01)(Data(x=x)).x is x
    assert SparseFeatures()(SparseFeatures()(Data(x=x))).x.layout == torch.sparse_csr
    assert str(SparseFeatures()) == "SparseFeatures(max_density=0.05)"


def test_check_node_data():
    data = sbm(60)
    assert check_node_data(data, finite=True) is data
    with pytest.raises(ValueError, match=r"'data\.x' must hold floating point node features"):
        check_node_data(Data(edge_index=data.edge_index, num_nodes=60))
    with pytest.raises(ValueError, match=r"'data\.edge_index' must be an integer tensor"):
        check_node_data(Data(x=data.x))
    for x in (data.x, data.x.to_sparse_csr()):
        with pytest.raises(ValueError, match=r"'data\.x' must be finite"):
            check_node_data(Data(x=x * float("inf"), edge_index=data.edge_index))
        infinite = Data(x=x * float("inf"), edge_index=data.edge_index)
        assert check_node_data(infinite, finite=False) is infinite


def test_entries_are_looked_at_again_when_they_change():
    data = sbm(60)
    check_node_data(data)
    data.x[3, 3] = float("nan")
    with pytest.raises(ValueError, match=r"'data\.x' must be finite \(got 1 NaN"):
        check_node_data(data)
    data.x[3, 3] = 0
    check_node_data(data)
    data.edge_index[0, 0] = 60
    with pytest.raises(ValueError, match=r"'data\.edge_index' must hold nodes between 0 and 59 \(got 0 to 60\)"):
        check_node_data(data)


def test_smaller_edges_are_converted_once_and_handed_out_as_copies():
    data = sbm(40, num_features=4)
    small = data.clone()
    small.edge_index = small.edge_index.int()
    memo = TensorMemo(lambda edge_index: object())
    first, second = check_node_data(small), check_node_data(small)
    assert torch.equal(first.edge_index, data.edge_index) and small.edge_index.dtype == torch.int32
    assert memo(first.edge_index) is memo(second.edge_index)  # what is derived from them is derived once
    first.edge_index.numpy().fill(0)
    assert torch.equal(check_node_data(small).edge_index, data.edge_index)


def test_node_mask():
    index = torch.tensor([2, 0], dtype=torch.int32)
    wide = check_nodes("nodes", index, 3)
    assert wide.dtype == torch.int64 and wide.tolist() == [2, 0] and check_nodes("nodes", wide, 3) is wide
    assert node_mask("nodes", index, 4).tolist() == [True, False, True, False]
    assert not node_mask("nodes", index[:0], 2).any()
    for bad, message in (
        (torch.tensor([3]), r"'nodes' must hold nodes between 0 and 2 \(got 3 to 3\)"),
        (torch.tensor([0, -1]), r"'nodes' must hold nodes between 0 and 2 \(got -1 to 0\)"),
        (torch.tensor([True]), "'nodes' must be an integer tensor"),
        ([1], "'nodes' must be an integer tensor"),
    ):
        with pytest.raises(ValueError, match=message):
            node_mask("nodes", bad, 3)
