import pytest
import torch

from gnnclr.ops import group_softmax
from gnnclr.ops.group_softmax import GroupSoftmax


def rows_and_groups(unit):
    """Groups of many sizes, in no order."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 5, generator=generator).double()
    x = x / x.norm(dim=1, keepdim=True)
    x = x if unit else x * (0.5 + torch.rand(60, 1, generator=generator).double())
    group = torch.cat([torch.zeros(20), torch.ones(7), torch.arange(2, 15), torch.arange(20, 30).repeat(2)]).long()
    return x, group[torch.randperm(60, generator=generator)]


@pytest.mark.parametrize("height", [4, 512])
@pytest.mark.parametrize("scale,unit", [(3.0, True), (300.0, True), (20.0, False)])
def test_equals_the_matrix(monkeypatch, scale, unit, height):
    monkeypatch.setattr(group_softmax, "tile_size", lambda x: height)
    x, group = rows_and_groups(unit)
    mask = (group[:, None] == group) & ~torch.eye(60, dtype=torch.bool)
    count = mask.sum(1)
    s = scale * x @ x.t()
    lse = torch.logsumexp(s.masked_fill(~mask, float("-inf")), 1)
    softmax = GroupSoftmax(x, group, scale)
    torch.testing.assert_close(softmax.count, count.double())
    torch.testing.assert_close(softmax.lse, lse)
    spread = (lse - (s * mask).sum(1) / count.clamp(min=1))[count > 0]
    torch.testing.assert_close(softmax.spread[count > 0], spread)
    assert (softmax.spread[count <= 1] == 0).all() and (softmax.lse[count == 0] == float("-inf")).all()
    a, b = torch.rand(2, 60, dtype=torch.float64)
    departure = count[:, None] * (s - lse[:, None]).exp() - 1
    u = ((a[:, None] * departure - b[:, None]) * mask).nan_to_num()
    message, by_scale = softmax.message(a, b, by_scale=True)
    torch.testing.assert_close(message, (u + u.t()) @ x)
    torch.testing.assert_close(by_scale, (u * s).sum())


@pytest.mark.parametrize("scale", [20.0, 33.0, 100.0])
def test_tight_groups_keep_their_digits(scale):
    generator = torch.Generator().manual_seed(0)
    group = torch.arange(48) % 4
    x = torch.randn(4, 64, generator=generator)[group] + 0.01 * torch.randn(48, 64, generator=generator)
    x = x.double() / x.double().norm(dim=1, keepdim=True)
    a, b = torch.rand(48, generator=generator), torch.zeros(48)
    one, other = GroupSoftmax(x.float(), group, scale), GroupSoftmax(x, group, scale)
    got, expected = one.message(a, b)[0], other.message(a.double(), b.double())[0]
    torch.testing.assert_close(
        (got - expected.float()).norm() / expected.norm().float(), torch.zeros(()), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(one.spread.double(), other.spread, atol=0, rtol=1e-6)


def test_empty():
    softmax = GroupSoftmax(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long))
    assert softmax.lse.shape == (0,) and softmax.message(torch.zeros(0), torch.zeros(0))[0].shape == (0, 3)
