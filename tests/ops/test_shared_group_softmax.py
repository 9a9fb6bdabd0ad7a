"""Groups over rows of several processes, beside those of one."""

import distributed_workers
import pytest
import torch
from ops.test_group_softmax import rows_and_groups

from gnnclr.ops.group_softmax import GroupSoftmax


@pytest.mark.parametrize("sizes", [(12, 18), (60, 0), (0, 20)])
@pytest.mark.parametrize("height", [4, 512])
@pytest.mark.parametrize("scale,unit", [(3.0, True), (300.0, True), (20.0, False)])
def test_equals_one_process(gloo, scale, unit, height, sizes):
    x, group = rows_and_groups(unit)
    a, b = torch.rand(2, 60, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    one = GroupSoftmax(x, group, scale)
    message, by_scale = one.message(a, b, by_scale=True)
    found = gloo(distributed_workers.shared_groups, x, group, scale, sizes, (a, b), height)
    for lse, spread, own, own_message, _ in found:
        torch.testing.assert_close(lse, one.lse)
        torch.testing.assert_close(spread, one.spread)
        torch.testing.assert_close(own_message[own], message[own])
        others = torch.ones(60, dtype=torch.bool).index_fill_(0, own, False)
        assert (own_message[others] == 0).all()
    assert sorted(torch.cat([own for _, _, own, *_ in found]).tolist()) == list(range(60))
    torch.testing.assert_close(sum(by for *_, by in found) / 2, by_scale)
