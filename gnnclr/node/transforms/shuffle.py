"""Corruption: each node with the features of another."""

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from gnnclr.node.datasets.data import check_parts


def take_rows(x: Tensor, index: Tensor) -> Tensor:
    """The rows ``x[index]`` of features, dense or sparse CSR as they were.

    Args:
        x (Tensor): Features [n, d].
        index (Tensor): Rows [m].
    """
    if x.layout != torch.sparse_csr:
        return x[index]
    pointer, col = x.crow_indices(), x.col_indices()
    count = pointer.diff()[index]
    end = count.cumsum(0, dtype=pointer.dtype)
    # Where each entry of the result lies in 'x'.
    entry = torch.repeat_interleave(pointer[:-1][index] - end + count, count)
    entry += torch.arange(entry.numel(), device=x.device, dtype=entry.dtype)
    pointer = torch.cat([end.new_zeros(1), end])
    size = (index.numel(), x.size(1))
    return torch.sparse_csr_tensor(pointer, col[entry], x.values()[entry], size=size, check_invariants=False)


class FeatureShuffle(BaseTransform):
    """Gives the features of each node to another at random and leaves the edges, the corruption of `"Deep Graph
    Infomax" <https://arxiv.org/abs/1809.10341>`_."""

    def forward(self, data: Data) -> Data:
        """The graph with permuted rows of ``x``, dense or sparse CSR as it was."""
        check_parts(data, "x")
        data.x = take_rows(data.x, torch.randperm(data.x.size(0), device=data.x.device))
        return data
