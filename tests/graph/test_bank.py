import pytest
import torch

from gnnclr.graph import Bank


def test_a_bank_grows_and_shrinks():
    bank, more = Bank(torch.zeros(2, 3).half()), torch.ones(1, 3)
    assert bank.append(more, candidate=True).candidate is None
    grown = bank.append(more, candidate=False)
    assert grown.candidate.tolist() == [True, True, False] and grown.rows.dtype == torch.float32
    assert grown.append(more, candidate=True).candidate.tolist() == [True, True, False, True]
    assert grown.only(torch.tensor([False, True, True])).candidate.tolist() == [False, True, False]
    of_views = Bank(torch.zeros(2, 3), view=torch.tensor([0, 1]))
    assert of_views.append(more, candidate=False).view.tolist() == [0, 1, -1]
    with pytest.raises(ValueError, match=r"'data\.bank\.view' must be absent"):
        of_views.append(more, candidate=True)
