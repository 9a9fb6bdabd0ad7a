"""Losses over features: Barlow Twins, VICReg and CCA-SSG."""

import pytest
import torch
from contracts.loss import LossContract, make_views, value_and_gradients

from gnnclr.losses import BarlowTwinsLoss, CCASSGLoss, VICRegLoss


class FeatureContract(LossContract):
    num_views = (2, 3)
    temperatures = (None,)
    impls = (None,)
    normalizes = False
    repels = False
    takes_labels = False
    bank = None
    one_sample = "error"
    shift_invariant = True
    #: Two samples standardize to plus and minus one, where gradients vanish.
    tolerances = (1e-9, 2e-5)

    def reference(self, views, temperature):
        return self.reference_of_units([view.double() for view in views], temperature)

    def reference_of_units(self, views, temperature):
        pairs = [(a, b) for i, a in enumerate(views) for b in views[i + 1 :]]
        return sum(self.literal(a, b) for a, b in pairs) / len(pairs)

    def test_duplicates(self):
        """Samples that repeat are no special case; features that repeat the same value are."""
        views = [view.double() for view in make_views(6, 8)]
        for view in views:
            view[:, 3] = 0.5
        value, grad = value_and_gradients(self.make(), views)
        assert torch.isfinite(value) and torch.isfinite(grad).all()

    def test_other_samples_of_a_view_are_refused(self):
        loss = self.make()
        graph = loss.graph(*make_views(5))
        graph.sample = torch.arange(10)
        with pytest.raises(ValueError, match="two or more views of the same samples"):
            loss(graph.x, graph)

    def test_order_of_nodes_does_not_matter(self):
        loss, views = self.make(), [view.double() for view in make_views(5)]
        graph, order = loss.graph(*views), torch.randperm(10, generator=torch.Generator().manual_seed(0))
        shuffled = graph.clone()
        shuffled.edge_index = None
        for name in ("x", "sample", "view", "group"):
            shuffled[name] = graph[name][order]
        torch.testing.assert_close(loss(shuffled.x, shuffled), loss(graph.x, graph))


class TestBarlowTwins(FeatureContract):
    def make(self, temperature=None, **kwargs):
        return BarlowTwinsLoss(0.02, **kwargs)

    def literal(self, a, b):
        n, d = a.shape
        a, b = ((x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt() for x in (a, b))
        total = 0.0
        for k in range(d):
            c = sum(a[i, k] * b[i] for i in range(n)) / n
            total = total + (1 - c[k]) ** 2 + 0.02 * (c.square().sum() - c[k] ** 2)
        return total


class TestVICReg(FeatureContract):
    def make(self, temperature=None, **kwargs):
        return VICRegLoss(**kwargs)

    def literal(self, a, b):
        n, d = a.shape
        total = 25 * (a - b).square().sum() / (n * d)
        for x in (a, b):
            c = x - x.mean(0)
            covariance = c.t() @ c / (n - 1)
            total = total + 25 / (2 * d) * sum(
                torch.relu(1 - (x[:, k].var(unbiased=True) + 1e-4).sqrt()) for k in range(d)
            )
            total = total + (covariance.square().sum() - covariance.diagonal().square().sum()) / d
        return total


def test_vicreg_with_another_offset_of_variances():
    views = [0.03 * view.double() for view in make_views(9, 4)]
    of_variance = [view - view.mean(0) for view in views]
    for eps in (1e-6, 0.1):
        change = VICRegLoss(1e-3, 1.0, 1e-3, eps=eps)(*views) - VICRegLoss(1e-3, 1.0, 1e-3)(*views)
        spread = [x.square().sum(0) / 8 for x in of_variance]
        expected = sum(((v + 1e-4).sqrt() - (v + eps).sqrt()).mean() / 2 for v in spread)
        torch.testing.assert_close(change, expected)
    assert torch.autograd.gradcheck(VICRegLoss(eps=0.1), [view.requires_grad_() for view in views])


class TestCCASSG(FeatureContract):
    def make(self, temperature=None, **kwargs):
        return CCASSGLoss(0.01, **kwargs)

    def literal(self, a, b):
        n, d = a.shape
        a, b = ((x - x.mean(0)) / x.std(0) for x in (a, b))
        eye = torch.eye(d).to(a)
        total = -sum(x @ y for x, y in zip(a, b)) / n
        for x in (a, b):
            total = total + 0.01 * (eye - sum(torch.outer(row, row) for row in x) / n).square().sum()
        return total


@pytest.mark.parametrize(
    "name,make,mine",
    [
        ("BarlowTwinsLoss", lambda cls: cls(lambda_param=5e-3), BarlowTwinsLoss(5e-3)),
        ("VICRegLoss", lambda cls: cls(), VICRegLoss()),
    ],
)
def test_lightly(name, make, mine):
    lightly = pytest.importorskip("lightly.loss", reason="lightly is not installed (make bench installs it)")
    views = make_views(32, 8)
    expected, expected_grad = value_and_gradients(make(getattr(lightly, name)), views)
    value, grad = value_and_gradients(mine, views)
    torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(grad, expected_grad, rtol=1e-3, atol=1e-6)
