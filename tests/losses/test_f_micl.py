import pytest
import torch
from contracts.loss import LossContract, unit

from gnnclr.losses import FMICLLoss
from gnnclr.ops.kernels import DIVERGENCES, f_divergence

GENERATORS = {
    "kl": lambda u: u * u.log(),
    "js": lambda u: -(u + 1) * ((1 + u) / 2).log() + u * u.log(),
    "pearson": lambda u: (u - 1) ** 2,
    "squared_hellinger": lambda u: (u.sqrt() - 1) ** 2,
    "tsallis": lambda u: u**1.5 / 0.5,
    "vincze_le_cam": lambda u: (u - 1) ** 2 / (u + 1),
}


@pytest.mark.parametrize("name", DIVERGENCES)
def test_generators(name):
    """Derivative, conjugate and curvature all follow from f."""
    u = torch.linspace(0.05, 3, 40, dtype=torch.float64, requires_grad=True)
    f = GENERATORS[name](u)
    (first,) = torch.autograd.grad(f.sum(), u, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), u)
    divergence = f_divergence(name)
    torch.testing.assert_close(divergence.derivative(u, u.log()), first, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(divergence.conjugate(u), u * first - f, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(divergence.curvature(u), u * second, rtol=1e-9, atol=1e-12)


def derivative(name, u):
    (value,) = torch.autograd.grad(GENERATORS[name](u).sum(), u, create_graph=True)
    return value


class FMICLContract(LossContract):
    temperatures = (None,)
    impls = ("auto", "tiles", "dense")
    one_sample = "alignment"
    symmetric = False
    divergence = "kl"

    def make(self, temperature=None, **kwargs):
        return FMICLLoss(self.divergence, alpha=3.0, sigma=0.8, mu=1.2, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        a, b = views
        n = len(a)

        def similarity(x, y):
            return 1.2 * torch.exp(-(x - y).square().sum(-1) / (2 * 0.8**2))

        if not a.requires_grad:
            a = a.detach().requires_grad_()
        positive = derivative(self.divergence, similarity(a, b)).sum() / n
        negative = 0.0
        for i in range(n):
            u = similarity(a[i], a[[j for j in range(n) if j != i]])
            negative = negative + (u * derivative(self.divergence, u) - GENERATORS[self.divergence](u)).sum()
        return -positive + 3.0 * negative / (n * (n - 1))


class TestKL(FMICLContract):
    pass


class TestJS(FMICLContract):
    divergence = "js"


class TestPearson(FMICLContract):
    divergence = "pearson"


class TestSquaredHellinger(FMICLContract):
    divergence = "squared_hellinger"


class TestTsallis(FMICLContract):
    divergence = "tsallis"


class TestVinczeLeCam(FMICLContract):
    divergence = "vincze_le_cam"


def test_negatives_of_both_views():
    a, b = torch.randn(6, 4), torch.randn(6, 4)
    one = FMICLLoss("kl", 1.0)
    expected = (one(a, b) + one(b, a)) / 2
    torch.testing.assert_close(FMICLLoss("kl", 1.0, both_views=True)(a, b), expected)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'divergence' must be one of"):
        FMICLLoss("renyi")
    with pytest.raises(ValueError, match="'tsallis_alpha' must be a finite number, above 1"):
        FMICLLoss("tsallis", tsallis_alpha=1.0)
