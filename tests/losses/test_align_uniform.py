import math

import pytest
import torch
from contracts.loss import LossContract, make_views, unit, value_and_gradients

from gnnclr.eval import alignment, uniformity
from gnnclr.losses import AlignUniformLoss


class TestAlignUniform(LossContract):
    num_views = (2, 3)
    temperatures = (None,)
    one_sample = "alignment"
    alpha, t, weights = 2.0, 2.0, (1.0, 1.0)

    def make(self, temperature=None, **kwargs):
        return AlignUniformLoss(self.alpha, self.t, *self.weights, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        n, number = len(views[0]), len(views)
        align, uniform = 0.0, 0.0
        for a in range(number):
            for b in range(number):
                if a != b:
                    for x, y in zip(views[a], views[b]):
                        d = (x - y).square().sum()
                        align = align + d ** (self.alpha / 2) / (n * number * (number - 1))
            exponents = [
                # 2 - 2 cos is the squared distance of unit rows.
                -self.t * (2 - 2 * views[a][[j for j in range(n) if j != i]] @ views[a][i])
                for i in range(n)
            ]
            uniform = uniform + (torch.logsumexp(torch.cat(exponents), 0) - math.log(n * (n - 1))) / number
        return self.weights[0] * align + self.weights[1] * uniform


class TestSharper(TestAlignUniform):
    alpha, t, weights = 4.0, 5.0, (3.0, 0.5)


def test_equals_the_measures():
    a, b = make_views(40)
    expected = alignment(a, b) + (uniformity(a) + uniformity(b)) / 2
    torch.testing.assert_close(AlignUniformLoss()(a, b), expected, rtol=1e-5, atol=1e-5)


def test_alignment_alone_when_exponent_is_one():
    views = [view.double() for view in make_views(6, noise=0.0)]
    value, grad = value_and_gradients(AlignUniformLoss(alpha=1.0), views)
    assert torch.isfinite(value) and torch.isfinite(grad).all()


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'alpha' must be a positive number"):
        AlignUniformLoss(alpha=0)
    with pytest.raises(ValueError, match="'t' must be a positive number"):
        AlignUniformLoss(t=-1)
