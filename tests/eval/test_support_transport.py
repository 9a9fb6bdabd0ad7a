import pytest
import torch

from gnnclr.eval import SupportTransport
from gnnclr.eval.support_transport import transport_plan


@pytest.mark.parametrize("reg", [1.0, 0.05])
@pytest.mark.parametrize("dtype,tol", [(torch.float32, 1e-4), (torch.float64, 1e-9)])
def test_marginals_hold(reg, dtype, tol):
    cost = torch.rand(3, 5, 20, generator=torch.Generator().manual_seed(0), dtype=dtype) * 100
    plan = transport_plan(cost, reg, tol, max_iter=5000)
    assert (plan > 0).all()
    assert (plan.sum(dim=-1) - 1 / 5).abs().sum(dim=-1).max() < 2 * tol
    torch.testing.assert_close(plan.sum(dim=-2), torch.full((3, 20), 1 / 20, dtype=dtype))
    # It is optimal: a diagonal scaling of the kernel, so logarithms plus costs are a sum of potentials.
    potential = plan.log() + cost / (reg * cost.amax(dim=(-2, -1), keepdim=True))
    mixed = potential - potential[:, :1] - potential[:, :, :1] + potential[:, :1, :1]
    assert mixed.abs().max() < (1e-3 if dtype == torch.float32 else 1e-9)


def test_little_regularization_is_an_assignment():
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    plan = transport_plan(torch.cdist(x, x[order]).square(), reg=1e-3)
    assert torch.equal(plan.argmax(dim=0), order)
    torch.testing.assert_close(plan.amax(dim=0), torch.full((6,), 1 / 6), rtol=1e-3, atol=0)


def test_equal_costs_are_spread_evenly():
    torch.testing.assert_close(transport_plan(torch.zeros(2, 4)), torch.full((2, 4), 1 / 8))


def test_the_support_goes_to_the_mean_of_its_queries():
    support, query = torch.rand(2, 3, 4, dtype=torch.float64), torch.rand(2, 6, 4, dtype=torch.float64)
    moved = SupportTransport(reg=0.3)(support, query)
    for e in range(2):
        plan = transport_plan(torch.cdist(support[e], query[e]).square(), 0.3)
        for i in range(3):
            expected = sum(plan[i, j] * query[e, j] for j in range(6)) / plan[i].sum()
            torch.testing.assert_close(moved[e, i], expected, atol=1e-3, rtol=0)


def test_wrong_arguments():
    for name, wrong in (("reg", 0), ("tol", -1.0), ("max_iter", 0)):
        with pytest.raises(ValueError, match=f"'{name}' must be a positive"):
            SupportTransport(**{name: wrong})
    with pytest.raises(ValueError, match=r"'cost' must be .* shape \[..., n, m\]"):
        transport_plan(torch.zeros(0, 3))
