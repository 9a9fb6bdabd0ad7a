import pytest
import torch
from contracts.loss import LossContract, make_views, unit, value_and_gradients

from gnnclr.graph import Negatives, augmentation_graph
from gnnclr.graph.communities import ExcludeCommunity, WeighCommunity
from gnnclr.losses import HardNegativeLoss, NTXentLoss


class TestHardNegative(LossContract):
    num_views = (2, 3)
    learnable = False
    beta, tau_plus = 1.0, 0.1

    def make(self, temperature=0.5, **kwargs):
        return HardNegativeLoss(temperature, self.beta, self.tau_plus, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        n, z = views[0].size(0), torch.cat(list(views))
        total = 0.0
        for i in range(len(z)):
            positives = [p for p in range(len(z)) if p != i and p % n == i % n]
            s = z[[j for j in range(len(z)) if j % n != i % n]] @ z[i] / temperature
            importance = torch.exp(self.beta * (s - s.max()))
            for p in positives:
                own = z[i] @ z[p] / temperature
                # Everything over e^own, so that nothing overflows.
                negative = (importance / importance.mean() * torch.exp(s - own)).sum()
                corrected = (negative - self.tau_plus * len(s)) / (1 - self.tau_plus)
                floor = len(s) * torch.exp(-1 / temperature - own)
                total = total + torch.log1p(torch.maximum(corrected, floor)) / len(positives)
        return total / len(z)


class TestDebiased(TestHardNegative):
    beta = 0.0


class TestConcentrated(TestHardNegative):
    beta, tau_plus = 2.5, 0.0
    tolerances = (1e-10, 3e-5)  # logits are 3.5 times as large


def test_without_either_it_is_nt_xent():
    views = [view.double() for view in make_views(9)]
    value, grad = value_and_gradients(HardNegativeLoss(0.2, beta=0.0, tau_plus=0.0), views)
    expected, expected_grad = value_and_gradients(NTXentLoss(0.2), views)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(grad, expected_grad, rtol=1e-9, atol=1e-12)


def test_floor_is_reached_when_positives_fill_the_negatives():
    """All rows are one: what is left of the negatives is theirs minus the expected positives."""
    views = [torch.ones(5, 3).double()] * 2
    torch.testing.assert_close(
        HardNegativeLoss(0.5, 1.0, 0.1)(*views), torch.tensor(8.0).double().mul((1 - 0.1) / (1 - 0.1)).log1p()
    )
    far = [torch.eye(4).double(), torch.eye(4).double()]
    # Negatives at zero, positives at one: 6 e^0 - 0.9 * 6 e^2 < 0, so the floor holds.
    expected = torch.log1p(torch.tensor(6.0).double() * torch.exp(torch.tensor(-4.0).double()))
    torch.testing.assert_close(HardNegativeLoss(0.5, 0.0, 0.9)(*far), expected)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'beta' must be a finite number, at least 0"):
        HardNegativeLoss(beta=-1.0)
    with pytest.raises(ValueError, match="'tau_plus' must be a finite number, at least 0, below 1"):
        HardNegativeLoss(tau_plus=1.0)
    with pytest.raises(ValueError, match="'temperature' must be a number"):
        HardNegativeLoss(torch.nn.Parameter(torch.tensor(0.5)))


@pytest.mark.parametrize(("beta", "tau_plus"), [(1.0, 0.0), (1.0, 0.1), (0.0, 0.1)])
def test_negatives_of_no_weight_do_not_count(beta, tau_plus):
    torch.manual_seed(0)
    views = [torch.randn(8, 4, dtype=torch.float64) for _ in range(2)]
    loss, silent = HardNegativeLoss(0.5, beta, tau_plus), torch.arange(16) % 5 == 0
    dropped, ignored = augmentation_graph(views), augmentation_graph(views)
    column = torch.where(silent, -1000.0, 0.0).double().unsqueeze(1)
    dropped.negatives = Negatives(log_weight=(torch.ones_like(column), column))
    pairs = torch.cartesian_prod(silent.nonzero().view(-1), torch.arange(16)).t()
    ignored.ignore_index = pairs
    torch.testing.assert_close(loss(dropped.x, dropped), loss(ignored.x, ignored))


@pytest.mark.parametrize("rho", [0.0, 0.2])
@pytest.mark.parametrize(("beta", "tau_plus"), [(0.0, 0.1), (1.0, 0.1), (1.5, 0.0)])
def test_with_negatives_that_a_community_rule_weighs(beta, tau_plus, rho):
    """Sums over negatives, and their number M, by weight."""
    n, temperature, community = 9, 0.5, torch.tensor([0, 3, 0, 1, 1, 0, 3, 1, 2])
    views = [view.double().requires_grad_() for view in make_views(n)]
    graph = (WeighCommunity(community, rho) if rho else ExcludeCommunity(community))(augmentation_graph(views))
    loss = HardNegativeLoss(temperature, beta, tau_plus)(graph.x, graph)
    z, total = torch.cat([unit(view) for view in views]), 0.0
    for i in range(2 * n):
        others = [j for j in range(2 * n) if j % n != i % n]
        weight = torch.tensor([rho if community[j % n] == community[i % n] else 1.0 for j in others]).double()
        s, own = z[i] @ z[others].t() / temperature, z[i] @ z[(i + n) % (2 * n)] / temperature
        m = weight.sum()
        hard = m * (weight * torch.exp((1 + beta) * s)).sum() / (weight * torch.exp(beta * s)).sum()
        corrected = (hard - tau_plus * m * torch.exp(own)) / (1 - tau_plus)
        floor = m * torch.exp(torch.tensor(-1 / temperature).double())
        total = total + torch.log1p(torch.maximum(corrected, floor) * torch.exp(-own))
    torch.testing.assert_close(loss, total / (2 * n))
    grads, expected = (torch.autograd.grad(value, views, retain_graph=True) for value in (loss, total / (2 * n)))
    torch.testing.assert_close(grads, expected)
