import pytest
import torch
from contracts.loss import LossContract, explicit_graph, make_views, relative, unit, value_and_gradients

from gnnclr.graph import Negatives, augmentation_graph
from gnnclr.losses import AsymmetricInfoNCELoss, HardNegativeLoss


class TestInferiorPositives(LossContract):
    symmetric = False
    conservative = False  # one side is held constant
    learnable = False
    bank = None
    clean = 1
    num_views = (2,)
    alpha, weight = 0.2, 1.3

    def make(self, temperature=0.5, **kwargs):
        options = {"alpha": self.alpha, "adversarial_weight": self.weight, "clean_views": self.clean}
        return AsymmetricInfoNCELoss(temperature, **options, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        total, adversarial = 0.0, len(views) - 1
        for a in range(len(views)):
            for b in range(len(views)):
                if a == b:
                    continue
                weight = 1.0
                if adversarial in (a, b):
                    weight = self.weight * (self.alpha if b == adversarial else 1 - self.alpha)
                total = total + weight * self.one_way(views[a], views[b].detach(), temperature)
        return total / len(views)

    def one_way(self, a, b, temperature):
        total = 0.0
        for i in range(len(a)):
            others = b[[j for j in range(len(a)) if j != i]]
            total = total + torch.log1p(torch.exp((others @ a[i] - a[i] @ b[i]) / temperature).sum())
        return total / len(a)

    def test_gradcheck(self):
        """Its gradient is not the derivative of its value: one side is held constant."""
        leaf = make_views(6, 4)[0].double().requires_grad_()
        other = make_views(6, 4, seed=1)[0].double()
        loss = self.make(0.3)
        views = [leaf] + [other.roll(i, 0) for i in range(len(range(self.clean)))]
        (grad,) = torch.autograd.grad(loss(*views), leaf)
        (expected,) = torch.autograd.grad(self.reference(views, 0.3), leaf)
        torch.testing.assert_close(grad, expected, rtol=1e-9, atol=1e-12)


class TestTwoCleanViews(TestInferiorPositives):
    clean = 2
    num_views = (3,)


class TestWithHardNegatives(TestInferiorPositives):
    def make(self, temperature=0.5, **kwargs):
        return AsymmetricInfoNCELoss(
            temperature, "ip+hn", self.alpha, self.weight, self.clean, beta=1.0, tau_plus=0.1, **kwargs
        )

    def one_way(self, a, b, temperature):
        total = 0.0
        for i in range(len(a)):
            s = b[[j for j in range(len(a)) if j != i]] @ a[i] / temperature
            own = a[i] @ b[i] / temperature
            importance = torch.exp(s - s.max())
            negative = (importance / importance.mean() * torch.exp(s - own)).sum()
            corrected = (negative - 0.1 * len(s)) / 0.9
            total = total + torch.log1p(torch.maximum(corrected, len(s) * torch.exp(-1 / temperature - own)))
        return total / len(a)


def test_hard_negatives_alone():
    views = make_views(7, views=3)
    loss = AsymmetricInfoNCELoss(0.5, "hn", beta=1.0, tau_plus=0.12)
    torch.testing.assert_close(loss(*views), HardNegativeLoss(0.5, 1.0, 0.12)(*views))


def test_clean_views_move_little_towards_the_adversarial_one():
    views = [view.double() for view in make_views(9, noise=1.0)]
    _, grad = value_and_gradients(AsymmetricInfoNCELoss(0.5, alpha=0.0, clean_views=1), views)
    assert grad[:9].abs().max() == 0 and grad[9:].abs().max() > 0


def test_implicit_positives_equal_explicit_ones():
    views, loss = make_views(7), AsymmetricInfoNCELoss(0.5, clean_views=1)
    graph = augmentation_graph(views, edges=False)
    torch.testing.assert_close(loss(graph.x, graph), loss(*views))


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'graph' must not have a bank"):
        graph = augmentation_graph(make_views(4), bank=torch.randn(3, 32))
        AsymmetricInfoNCELoss(clean_views=1)(graph.x, graph)
    with pytest.raises(ValueError, match="2 clean and one adversarial"):
        AsymmetricInfoNCELoss()(*make_views(4))
    with pytest.raises(ValueError, match="'alpha' must be a finite number, at least 0, at most 1"):
        AsymmetricInfoNCELoss(alpha=1.5)
    with pytest.raises(ValueError, match="'variant' must be one of"):
        AsymmetricInfoNCELoss(variant="both")


@pytest.mark.parametrize(
    "rule",
    [Negatives("same"), Negatives("other"), Negatives(candidates=(0,)), Negatives("other", candidates=(1,))],
    ids=str,
)
def test_the_rule_of_a_graph_is_kept(rule):
    loss = AsymmetricInfoNCELoss(0.3, clean_views=2)
    views = [view.double() for view in make_views(6, 8, 3)]
    graph = augmentation_graph(views, negatives=rule)
    value, grad = value_and_gradients(lambda x: loss(x, graph), [graph.x])
    explicit = explicit_graph(graph)
    expected, expected_grad = value_and_gradients(lambda x: loss(x, explicit), [graph.x])
    assert relative(value, expected) < 1e-11 and float((grad - expected_grad).norm()) < 1e-11
