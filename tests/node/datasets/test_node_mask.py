import pytest
import torch

from gnnclr.node.datasets.node_mask import node_mask
from gnnclr.ops.check import check_nodes


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
