"""Rows of a sparse matrix."""

import torch
from torch import Tensor


def entries_of(pointer: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Where the entries of some rows stand in a matrix in compressed sparse row format, in time linear in them.

    Args:
        pointer (Tensor): Where each row of the matrix begins and the last one ends [n + 1].
        index (Tensor): The rows [m], in any order.

    Returns:
        tuple: Positions of the entries [k], row after row, and for each entry which of the ``index`` it belongs to.
    """
    begin, end = pointer[index].long(), pointer[index + 1].long()
    count = end - begin
    row = torch.repeat_interleave(torch.arange(index.numel(), device=index.device), count)
    shift = begin - (count.cumsum(0) - count)
    return torch.arange(row.numel(), device=index.device) + shift[row], row


def select_rows(x: Tensor, index: Tensor) -> Tensor:
    """The rows ``index`` [m] of a matrix [n, d], dense or sparse CSR as it was; also of any other dense tensor."""
    if x.layout != torch.sparse_csr:
        return x.index_select(0, index)
    crow = x.crow_indices()
    entry, _ = entries_of(crow, index)
    count = (crow[index + 1] - crow[index]).long()
    pointer = torch.cat([count.new_zeros(1), count.cumsum(0)]).to(crow.dtype)
    size = (index.numel(), x.size(1))
    return torch.sparse_csr_tensor(pointer, x.col_indices()[entry], x.values()[entry], size, check_invariants=False)
