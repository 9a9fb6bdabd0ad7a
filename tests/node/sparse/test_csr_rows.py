import torch
from hypothesis import given
from hypothesis import strategies as st

from gnnclr.node.sparse.csr import csr_tensor
from gnnclr.node.sparse.csr_rows import entries_of, select_rows


@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(0, 9))
def test_rows_are_those_of_the_dense_matrix(seed, n, m):
    generator = torch.Generator().manual_seed(seed)
    dense = torch.rand(n, 5, generator=generator) * (torch.rand(n, 5, generator=generator) < 0.4)
    index = torch.randint(n, (m,), generator=generator)
    place = dense.nonzero(as_tuple=True)
    rows = select_rows(csr_tensor(*place, dense[place], (n, 5)), index)
    assert rows.layout == torch.sparse_csr and rows.to_dense().equal(dense[index])
    assert select_rows(dense, index).equal(dense[index])


def test_entries_stand_row_after_row():
    entry, row = entries_of(torch.tensor([0, 2, 2, 5], dtype=torch.int32), torch.tensor([2, 1, 0]))
    assert entry.tolist() == [2, 3, 4, 0, 1] and row.tolist() == [0, 0, 0, 2, 2]
