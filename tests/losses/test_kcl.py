import pytest
import torch
from contracts.loss import LossContract, make_views, unit, value_and_gradients

from gnnclr.losses import FMICLLoss, KCLLoss


def energy(name, d, t):
    return {
        "gaussian": lambda: torch.exp(-t * d**2),
        "log": lambda: -0.5 * torch.log(1 + t * d**2),
        "imq": lambda: t / torch.sqrt(t**2 + d**2),
        "riesz": lambda: d**-t if t > 0 else -(d ** abs(t)),
        "gaussian_riesz": lambda: d**-t if t > 0 else -(d ** abs(t)),
    }[name]()


def attraction(name, d, t):
    if name == "log":
        return -torch.log(1 + t * d**2)
    return torch.exp(-2 * d**2) if name == "gaussian_riesz" else energy(name, d, t)


def distance(x, y):
    # The smallest distance that powers tell from zero.
    return (x - y).square().sum(-1).clamp(min=1e-30).sqrt()


class TestKCL(LossContract):
    temperatures = (None,)
    impls = ("auto", "tiles", "dense")
    one_sample = "alignment"
    memory_samples = 5800  # views for themselves
    kernel, t, gamma = "gaussian", 2.0, 16.0

    def make(self, temperature=None, **kwargs):
        return KCLLoss(self.kernel, self.t, self.gamma, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        n = len(views[0])
        align = sum(attraction(self.kernel, distance(x, y), self.t) for x, y in zip(*views)) / n
        repel = 0.0
        for view in views:
            for i in range(n):
                others = view[[j for j in range(n) if j != i]]
                repel = repel + energy(self.kernel, distance(view[i], others), self.t).sum() / (n * (n - 1))
        return -2 * align + self.gamma * repel


class TestLogarithmic(TestKCL):
    kernel, t, gamma = "log", 1.5, 2.0


class TestInverseMultiquadric(TestKCL):
    kernel, t, gamma = "imq", 0.7, 2.0


class _SharpAtZero(TestKCL):
    """Kernels whose slope is not defined where distances vanish: there the gradient is zero."""

    least_features = 3

    def test_duplicates(self):
        views = [view.double() for view in make_views(6, noise=0.0)]
        for view in views:
            view[1] = view[0]
        value, grad = value_and_gradients(self.make(), views)
        assert torch.isfinite(value) and torch.isfinite(grad).all()


class TestRiesz(_SharpAtZero):
    kernel, t, gamma = "riesz", 1.0, 2.0
    tolerances = (1e-10, 3e-5)


class TestNegativeRiesz(_SharpAtZero):
    kernel, t, gamma = "riesz", -1.5, 2.0


class TestGaussianRiesz(_SharpAtZero):
    kernel, t, gamma = "gaussian_riesz", 1.0, 2.0


def test_kl_f_micl_repels_as_the_gaussian_kernel_and_attracts_quadratically():
    a, b = (view.double() for view in make_views(9))
    sigma, t = 0.7, 1 / (2 * 0.7**2)
    quadratic = ((unit(a) - unit(b)).square().sum(1) * t).mean() - 1
    # What the weight of the energies adds to the loss of two equal views is the energy of that view, twice.
    energy = (KCLLoss("gaussian", t, gamma=5.0)(a, a) - KCLLoss("gaussian", t, gamma=3.0)(a, a)) / 4
    torch.testing.assert_close(FMICLLoss("kl", 3.0, sigma)(a, b), quadratic + 3.0 * energy)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'kernel' must be one of"):
        KCLLoss("laplace")
    with pytest.raises(ValueError, match="'gamma' must be a positive number"):
        KCLLoss(gamma=0)
    with pytest.raises(ValueError, match="must be a positive number"):
        KCLLoss("riesz", t=0.0)
