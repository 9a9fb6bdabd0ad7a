import pytest
import torch

from gnnclr.node import label_edges


def literal(y, nodes):
    pairs = [(i, j) for i in nodes for j in nodes if i != j and y[i] >= 0 and y[j] >= 0]
    return [{(i, j) for i, j in pairs if (y[i] == y[j]) is same} for same in (True, False)]


@pytest.mark.parametrize("nodes", [[], [3], [0, 1, 2, 5], [5, 2, 2, 0], list(range(6))])
def test_equals_the_pairs(nodes):
    y = [0, 1, 0, -1, 2, 1]
    for found, expected in zip(label_edges(torch.tensor(y), torch.tensor(nodes).long()), literal(y, nodes)):
        assert found.dtype == torch.int64 and found.shape == (2, len(expected))
        assert {tuple(pair) for pair in found.t().tolist()} == expected


def test_a_mask_is_its_nodes():
    y, mask = torch.tensor([0, 1, 0, 1]), torch.tensor([True, True, True, False])
    for a, b in zip(label_edges(y, mask), label_edges(y, torch.tensor([0, 1, 2]))):
        assert torch.equal(a, b)


def test_wrong_arguments():
    y = torch.tensor([0, 1, 0])
    with pytest.raises(ValueError, match=r"'index' must be a mask of shape \[3\]"):
        label_edges(y, torch.tensor([True]))
    with pytest.raises(ValueError, match="'index' must"):
        label_edges(y, torch.tensor([3]))
    with pytest.raises(ValueError, match="'y' must"):
        label_edges(torch.ones(3, 2), torch.tensor([0]))
