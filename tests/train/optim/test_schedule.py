from itertools import pairwise

import pytest
import torch

from gnnclr.train import warmup_cosine


def rates(**kwargs):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = warmup_cosine(optimizer, **kwargs)
    values = []
    for _ in range(kwargs["total_steps"]):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return values, optimizer.param_groups[0]["lr"]


def test_warmup_is_linear_and_cosine_ends_at_zero():
    values, last = rates(total_steps=14, warmup_steps=4)
    assert values[:5] == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0])
    assert values[9] == pytest.approx(1.0)  # half way down
    assert all(a >= b for a, b in pairwise(values[4:]))
    assert last == pytest.approx(0.0, abs=1e-12)


def test_final_fraction():
    assert rates(total_steps=10, final=0.1)[1] == pytest.approx(0.2)
    assert rates(total_steps=10, final=1.0)[0] == pytest.approx([2.0] * 10)


@pytest.mark.parametrize(
    "kwargs", [{"total_steps": 0}, {"total_steps": 5, "warmup_steps": -1}, {"total_steps": 5, "final": 1.5}]
)
def test_refuses_values_out_of_range(kwargs):
    with pytest.raises(ValueError, match=list(kwargs)[-1]):
        warmup_cosine(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0), **kwargs)
