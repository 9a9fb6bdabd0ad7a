import pytest
import torch
from contracts.loss import LossContract, make_views, unit

from gnnclr.losses import CommunityNTXentLoss, NTXentLoss

#: Communities of up to 9 samples.
COMMUNITY = torch.tensor([0, 3, 0, 1, 1, 0, 3, 1, 2])


class TestCommunity(LossContract):
    num_views = (2, 3)
    rho = 0.2

    def make(self, temperature=0.5, **kwargs):
        return CommunityNTXentLoss(temperature, self.rho, **kwargs)

    def call(self, loss, *views):
        return loss(*views, community=COMMUNITY[: views[0].size(0)])

    def call_permuted(self, loss, order, *views):
        return loss(*views, community=COMMUNITY[order])

    def call_one(self, loss, *views):
        return self.call(loss, *views)

    def graph_arguments(self):
        return {"community": COMMUNITY[:7]}

    def joined_arguments(self):
        return {"community": COMMUNITY}

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        n, z = views[0].size(0), torch.cat(list(views))
        total = 0.0
        for i in range(len(z)):
            positives = [p for p in range(len(z)) if p != i and p % n == i % n]
            negatives = [j for j in range(len(z)) if j % n != i % n]
            weight = [self.rho if COMMUNITY[j % n] == COMMUNITY[i % n] else 1.0 for j in negatives]
            for p in positives:
                ratios = torch.exp((z[negatives] @ z[i] - z[p] @ z[i]) / temperature)
                total = total + torch.log1p((torch.tensor(weight, dtype=z.dtype) * ratios).sum()) / len(positives)
        return total / len(z)


class TestExcluded(TestCommunity):
    rho = 0.0
    impls = ("auto", "tiles", "dense")


def test_weight_one_is_nt_xent():
    views = make_views(9)
    torch.testing.assert_close(CommunityNTXentLoss(0.2, rho=1.0)(*views, community=COMMUNITY), NTXentLoss(0.2)(*views))


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'rho' must be a finite number, at least 0"):
        CommunityNTXentLoss(rho=-0.1)
    with pytest.raises(ValueError, match=r"'community' must be an integer tensor of shape \[9\] \(got none"):
        CommunityNTXentLoss()(*make_views(9))
    with pytest.raises(ValueError, match=r"'community' must be an integer tensor of shape \[9\]"):
        CommunityNTXentLoss()(*make_views(9), community=COMMUNITY[:4])
