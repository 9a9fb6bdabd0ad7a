import math

import pytest
import torch
from contracts.loss import LossContract, make_views, unit, value_and_gradients

from gnnclr.losses import KernelInfoNCELoss, NTXentLoss


def arc_cosine(order, s, temperature):
    c = temperature * s + 1 - temperature
    theta = torch.acos(c.clamp(-1 + 1e-6, 1 - 1e-6))
    sin, cos = torch.sin(theta), torch.cos(theta)
    if order == 1:
        return math.pi - theta
    if order == 2:
        return sin + (math.pi - theta) * cos
    return 3 * sin * cos + (math.pi - theta) * (1 + 2 * cos**2)


def exponential(x, y, gamma, temperature):
    square = (x - y).square().sum(-1).clamp(min=1e-6 if gamma < 2 else 0.0)
    return torch.exp(-(square ** (gamma / 2)) / temperature)


def info_nce(z, n, kernel):
    """Kernel-InfoNCE of stacked views, with the kernel's values as they are, anchor by anchor."""
    total = 0.0
    for i in range(len(z)):
        p = (i + n) % len(z)
        others = [j for j in range(len(z)) if j % n != i % n]
        total = total + torch.log1p(kernel(z[i], z[others]).sum() / kernel(z[i], z[p]))
    return total / len(z)


class TestKernelInfoNCE(LossContract):
    temperatures = (1.0, 0.1, 0.01)
    impls = ("auto", "tiles", "dense")
    options_of_loss = {"gamma": 2.0}

    def make(self, temperature=0.1, **kwargs):
        return KernelInfoNCELoss(temperature, **self.options_of_loss, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        return info_nce(torch.cat(list(views)), len(views[0]), lambda x, y: self.kernel(x, y, temperature))

    def kernel(self, x, y, temperature):
        return exponential(x, y, self.options_of_loss["gamma"], temperature)


class TestLaplacian(TestKernelInfoNCE):
    options_of_loss = {"gamma": 1.0}
    memory_arguments, memory_samples = ({},), 2900
    tolerances = (1e-10, 2e-5)
    least_features = 3

    def test_duplicates(self):
        """Powers below two have no slope at zero: it counts as zero there."""
        views = [view.double() for view in make_views(6, noise=0.0)]
        for view in views:
            view[1] = view[0]
        value, grad = value_and_gradients(self.make(0.1), views)
        assert torch.isfinite(value) and torch.isfinite(grad).all()


class TestRoot(TestLaplacian):
    options_of_loss = {"gamma": 0.5}
    tolerances = (1e-10, 5e-5)


class TestCubic(TestKernelInfoNCE):
    options_of_loss = {"gamma": 3.0}
    temperatures = (1.0, 0.1)  # below, the literal loop divides zero by zero


class TestSumOfLosses(TestLaplacian):
    options_of_loss = {"gamma": 1.0, "share": 0.3, "second_temperature": 0.5}
    learnable = False

    def reference_of_units(self, views, temperature):
        z, n = torch.cat(list(views)), len(views[0])
        first = info_nce(z, n, lambda x, y: exponential(x, y, 1.0, temperature))
        return 0.3 * first + 0.7 * info_nce(z, n, lambda x, y: exponential(x, y, 2.0, 0.5))


class TestSumOfKernels(TestLaplacian):
    options_of_loss = {"gamma": 1.0, "share": 0.3, "second_temperature": 0.5, "mix": "kernel"}
    learnable = False

    def kernel(self, x, y, temperature):
        return 0.3 * exponential(x, y, 1.0, temperature) + 0.7 * exponential(x, y, 2.0, 0.5)


class TestConcatenationOfLosses(TestLaplacian):
    options_of_loss = {"gamma": 1.0, "share": 0.3, "second_temperature": 0.5, "split": True}
    learnable = False
    even = 2

    def reference_of_units(self, views, temperature):
        z, n = torch.cat(list(views)), len(views[0])
        a, b = z.chunk(2, dim=1)
        first = info_nce(a, n, lambda x, y: exponential(x, y, 1.0, temperature))
        return 0.3 * first + 0.7 * info_nce(b, n, lambda x, y: exponential(x, y, 2.0, 0.5))


class TestConcatenationOfKernels(TestLaplacian):
    options_of_loss = {"gamma": 1.0, "share": 0.3, "second_temperature": 0.5, "split": True, "mix": "kernel"}
    memory_arguments, memory_samples = ({},), None
    learnable = False
    even = 2

    def kernel(self, x, y, temperature):
        (a, b), (c, d) = x.chunk(2, -1), y.chunk(2, -1)
        return 0.3 * exponential(a, c, 1.0, temperature) + 0.7 * exponential(b, d, 2.0, 0.5)


class TestArcCosine1(TestLaplacian):
    options_of_loss = {"arc_cosine": 1}
    temperature_range = (0.05, 1.0)
    learnable = False

    def kernel(self, x, y, temperature):
        return arc_cosine(self.options_of_loss["arc_cosine"], (x * y).sum(-1), temperature)


class TestArcCosineMixedWithGaussian(TestArcCosine1):
    options_of_loss = {"arc_cosine": 1, "share": 0.3, "mix": "kernel", "second_temperature": 0.7}

    def kernel(self, x, y, temperature):
        return 0.3 * super().kernel(x, y, temperature) + 0.7 * torch.exp(-(x - y).square().sum(-1) / 0.7)


class TestArcCosine2(TestArcCosine1):
    options_of_loss = {"arc_cosine": 2}


class TestArcCosine3(TestArcCosine1):
    options_of_loss = {"arc_cosine": 3}


@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.02])
def test_gaussian_kernel_is_nt_xent_at_half_the_temperature(temperature):
    views = [view.double() for view in make_views(9)]
    value, grad = value_and_gradients(KernelInfoNCELoss(temperature, gamma=2.0), views)
    expected, expected_grad = value_and_gradients(NTXentLoss(temperature / 2), views)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(grad, expected_grad, rtol=1e-8, atol=1e-12)


def test_wrong_arguments():
    for kwargs, match in [
        ({"share": 0.0}, "'share' must be a finite number, above 0, at most 1"),
        ({"mix": "both"}, "'mix' must be one of"),
        ({"split": True}, "'split' needs a mixture"),
        ({"arc_cosine": 4}, "'arc_cosine' must be an integer from 1 to 3 or None"),
        ({"arc_cosine": 1, "temperature": 2.0}, "must be at most 1"),
        ({"gamma": -1.0}, "'gamma' must be a positive number"),
    ]:
        with pytest.raises(ValueError, match=match):
            KernelInfoNCELoss(**kwargs)
    with pytest.raises(ValueError, match="'temperature' must be a number"):
        KernelInfoNCELoss(torch.nn.Parameter(torch.tensor(0.1)), share=0.5)
    with pytest.raises(ValueError, match="even number of features"):
        KernelInfoNCELoss(share=0.5, split=True)(torch.randn(4, 3), torch.randn(4, 3))
