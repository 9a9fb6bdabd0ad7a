import pytest
import torch
from loss_contract import LossContract, make_views, unit

from gnnclr.losses import TripletLoss


def distance(x, y):
    return (x - y).square().sum().clamp(min=1e-30).sqrt()


class TestTriplet(LossContract):
    num_views = (2, 3)
    temperatures = (None,)
    impls = ("auto", "tiles", "dense")
    margin = 1.0
    least_features = 3
    tolerances = (1e-10, 3e-5)  # square roots of small squared distances

    def make(self, temperature=None, **kwargs):
        return TripletLoss(self.margin, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        n, z = views[0].size(0), torch.cat(list(views))
        terms = []
        for i in range(len(z)):
            positives = [p for p in range(len(z)) if p != i and p % n == i % n]
            near = sum(distance(z[i], z[p]) for p in positives) / len(positives)
            terms += [(near - distance(z[i], z[j]) + self.margin).clamp(min=0) for j in range(len(z)) if j % n != i % n]
        return sum(terms) / len(terms)

    def test_duplicates(self):
        """Distances have no slope at zero: it counts as zero there."""
        views = make_views(6, noise=0.0)
        for view in views:
            view[1] = view[0]
        value = self.make()(*(view.requires_grad_() for view in views))
        value.backward()
        assert torch.isfinite(value) and torch.isfinite(views[0].grad).all()


class TestSmallMargin(TestTriplet):
    margin = 0.2


class TestOfAnyLength(TestTriplet):
    normalizes = False

    def make(self, temperature=None, **kwargs):
        return TripletLoss(self.margin, normalized=False, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([view.double() for view in views], temperature)


def test_peer():
    metric_learning = pytest.importorskip("pytorch_metric_learning", reason="pytorch-metric-learning is not installed")
    from pytorch_metric_learning import distances, losses, reducers

    assert metric_learning
    peer = losses.TripletMarginLoss(
        margin=0.3, distance=distances.LpDistance(normalize_embeddings=True), reducer=reducers.MeanReducer()
    )
    z0, z1 = make_views(9)
    labels = torch.arange(9).repeat(2)
    torch.testing.assert_close(TripletLoss(0.3)(z0, z1), peer(torch.cat([z0, z1]), labels), rtol=1e-5, atol=1e-6)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'margin' must be a positive number"):
        TripletLoss(margin=-1)
