import pytest
import torch
from contracts.loss import LossContract, make_views

from gnnclr.losses import SpectralContrastiveLoss


class TestSpectral(LossContract):
    temperatures = (None,)
    impls = ("auto", "tiles", "dense")
    normalizes = False
    one_sample = "alignment"
    num_views = (2,)
    mu = 1.0

    def make(self, temperature=None, **kwargs):
        return SpectralContrastiveLoss(self.mu, **kwargs)

    def reference(self, views, temperature):
        clipped = []
        for view in views:
            length = view.double().norm(dim=1, keepdim=True)
            clipped.append(torch.where(length > self.mu**0.5, view * self.mu**0.5 / length, view))
        return self.reference_of_units(clipped, temperature)

    def reference_of_units(self, views, temperature):
        a, b = views
        n = len(a)
        align = sum(x @ y for x, y in zip(a, b)) / n
        repel = sum((a[i] @ b[j]) ** 2 for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
        return (-2 * align + repel) / self.mu


class TestLargeBall(TestSpectral):
    mu = 400.0  # larger than all rows


def test_rows_inside_the_ball_are_left():
    views = [0.1 * view / view.norm(dim=1, keepdim=True) for view in make_views(6)]
    scaled = [2 * view for view in views]
    assert not torch.isclose(SpectralContrastiveLoss()(*views), SpectralContrastiveLoss()(*scaled))
    outside = [50 * view for view in views], [80 * view for view in views]
    torch.testing.assert_close(SpectralContrastiveLoss()(*outside[0]), SpectralContrastiveLoss()(*outside[1]))


def test_three_views_repel_across_views_only():
    views = [view.double() for view in make_views(5, views=3)]
    value = SpectralContrastiveLoss(400.0)(*views)
    expected = sum(TestLargeBall().reference([views[a], views[b]], None) for a, b in ((0, 1), (0, 2), (1, 2)))
    torch.testing.assert_close(value, expected / 3)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'mu' must be a positive number"):
        SpectralContrastiveLoss(mu=0.0)
