import pytest
import torch

from gnnclr.node import csr_tensor, spmm


@pytest.fixture
def entries():
    g = torch.Generator().manual_seed(0)
    row, col = torch.randint(5, (12,), generator=g), torch.randint(7, (12,), generator=g)
    return row, col, torch.rand(12, generator=g, dtype=torch.double)


def dense(row, col, value):
    return torch.zeros(5, 7, dtype=value.dtype).index_put((row, col), value, accumulate=True)


def test_csr_tensor_in_any_order(entries):
    matrix = csr_tensor(*entries, (5, 7))
    eye = torch.eye(7, dtype=torch.double)
    assert torch.allclose(spmm(matrix, eye), dense(*entries))
    assert matrix.crow_indices().dtype == torch.int32
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1))
    shuffled = csr_tensor(*(e[order] for e in entries), (5, 7))
    assert torch.allclose(spmm(shuffled, eye), dense(*entries))


def test_gradients_of_a_matrix_that_is_not_symmetric(entries):
    matrix = csr_tensor(*entries, (5, 7))
    x = torch.randn(7, 3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: spmm(matrix, x), (x,))
    assert torch.autograd.gradgradcheck(lambda x: spmm(matrix, x).square(), (x,))


def test_half_precision_and_autocast_run_in_float32(entries):
    row, col, value = entries
    matrix, x = csr_tensor(row, col, value.float(), (5, 7)), torch.randn(7, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(spmm(matrix, x), spmm(matrix, x.float()))
    assert spmm(matrix, x.bfloat16()).dtype == torch.float32


def test_no_entries():
    empty = torch.empty(0, dtype=torch.long)
    assert spmm(csr_tensor(empty, empty, torch.empty(0), (3, 2)), torch.ones(2, 4)).equal(torch.zeros(3, 4))
