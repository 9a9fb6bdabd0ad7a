import torch
from contracts.loss import LossContract, make_views, unit, value_and_gradients

from gnnclr.losses import NegativeCosineLoss


class TestNegativeCosine(LossContract):
    num_views = (2, 3)
    temperatures = (None,)
    impls = (None,)
    symmetric = False
    takes_labels = False
    bank = None
    repels = False
    conservative = False  # targets are held constant
    predicts = True
    one_sample = "alignment"

    def make(self, temperature=None, **kwargs):
        return NegativeCosineLoss(**kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        prediction, *targets = views
        total = sum(p @ t.detach() for target in targets for p, t in zip(prediction, target))
        # Targets hold a place in the graph, and get no gradient.
        return -total / (len(prediction) * len(targets)) + 0 * sum(target.sum() for target in targets)

    def test_duplicates(self):
        """Equal views have the least loss, and no gradient along the sphere."""
        views = make_views(6, noise=0.0)
        value, grad = value_and_gradients(self.make(), views)
        torch.testing.assert_close(value, torch.tensor(-1.0))
        assert grad.abs().max() < 1e-7

    def test_gradcheck(self, impl):
        """Predictions alone have a gradient."""
        prediction, *targets = [v.double() for v in make_views(6, 4, 3)]
        prediction.requires_grad_()
        assert torch.autograd.gradcheck(lambda p: self.make()(p, *targets), (prediction,))


def test_targets_do_not_move():
    p, z = (view.requires_grad_() for view in make_views(5))
    NegativeCosineLoss()(p, z).backward()
    assert p.grad.abs().max() > 0 and z.grad.abs().max() == 0


def test_is_the_squared_distance_of_byol():
    p, z = make_views(5)
    expected = (unit(p) - unit(z)).square().sum(1).mean()
    torch.testing.assert_close((2 + 2 * NegativeCosineLoss()(p, z)).double(), expected, rtol=1e-5, atol=1e-6)
