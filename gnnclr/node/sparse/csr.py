"""Products of sparse and dense matrices."""

import warnings
from typing import Any

import torch
from torch import Tensor
from torch_geometric.index import index2ptr

from gnnclr.ops.memo import TensorMemo


def csr_tensor(row: Tensor, col: Tensor, value: Tensor, size: tuple[int, int]) -> Tensor:
    """A matrix in compressed sparse row format.

    Args:
        row (Tensor): Row of each entry [e], in any order.
        col (Tensor): Column of each entry [e]. Entries at the same place add up in products.
        value (Tensor): The entries [e].
        size (tuple): Numbers of rows and columns.
    """
    if not bool((row[1:] >= row[:-1]).all()):
        order = torch.argsort(row, stable=True)
        row, col, value = row[order], col[order], value[order]
    # Sparse BLAS works on 32-bit indices and would convert others at each product.
    index = torch.int32 if max(*size, row.numel()) < 2**31 else torch.int64
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        pointer = index2ptr(row, size[0]).to(index)
        return torch.sparse_csr_tensor(pointer, col.to(index), value, size=size, check_invariants=False)


def spmm(matrix: Tensor, x: Tensor) -> Tensor:
    r"""The product of a constant sparse matrix and a dense one, :math:`\mathbf{A} \mathbf{X}`, with gradient
    :math:`\mathbf{A}^{\top} \mathbf{G}`.

    On one core, 62,000 edges times 256 features take 21 ms forward and backward together, against 234 ms by gather and
    scatter, and 54 ms with the gradient that PyTorch has for it. The transpose is made in the backward pass (2 ms),
    so a matrix need not be symmetric. PyG's function of this name leaves the gradient to PyTorch.

    Args:
        matrix (Tensor): Sparse CSR matrix. It gets no gradient.
        x (Tensor): Dense matrix, in whose type the product is computed, float32 at least.

    Shapes:
        - **input:** :math:`(n, m)` and :math:`(m, d)`
        - **output:** :math:`(n, d)`
    """
    with torch.autocast(x.device.type, enabled=False):
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        return _SparseProduct.apply(matrix.to(x.dtype), x)


class _SparseProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, matrix: Tensor, x: Tensor) -> Tensor:
        ctx.matrix = matrix
        return matrix @ x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        # Through the same function, so that it can be differentiated again.
        return None, _SparseProduct.apply(_transpose(ctx.matrix), grad.contiguous())


@TensorMemo
def _transpose(matrix: Tensor) -> Tensor:
    """The transpose in CSR: layers after each other share the matrix of a view, and so its transpose."""
    return matrix.t().to_sparse_csr()
