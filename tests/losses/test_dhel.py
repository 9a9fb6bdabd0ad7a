import torch
from contracts.loss import LossContract, unit

from gnnclr.losses import DHELLoss


def energy_of_view(a, temperature):
    """Mean over anchors of the log-sum-exp over the other rows of the view."""
    total = 0.0
    for i in range(len(a)):
        total = total + torch.logsumexp(a[[j for j in range(len(a)) if j != i]] @ a[i] / temperature, 0)
    return total / len(a)


class TestDHEL(LossContract):
    one_sample = "alignment"
    both_views = True

    def make(self, temperature=0.3, **kwargs):
        return DHELLoss(temperature, both_views=self.both_views, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        a, b = views
        alignment = -sum(x @ y for x, y in zip(a, b)) / temperature / len(a)
        energy = energy_of_view(a, temperature)
        return alignment + energy + (energy_of_view(b, temperature) if self.both_views else 0)


class TestDHELOfThePaper(TestDHEL):
    both_views = False
    symmetric = False
