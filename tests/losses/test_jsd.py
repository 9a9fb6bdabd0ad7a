import math

import torch
from contracts.loss import LossContract, unit

from gnnclr.losses import JSDLoss


class TestJSD(LossContract):
    num_views = (2, 3)
    temperatures = (None,)
    impls = ("auto", "tiles", "dense")
    normalizes = False
    one_sample = "alignment"

    def make(self, temperature=None, **kwargs):
        return JSDLoss(**kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([view.double() for view in views], temperature)

    def reference_of_units(self, views, temperature):
        n, z = views[0].size(0), torch.cat(list(views))
        softplus = torch.nn.functional.softplus
        positive, negative = [], []
        for i in range(len(z)):
            for j in range(len(z)):
                if i != j:
                    s = z[i] @ z[j]
                    if i % n == j % n:
                        positive.append(math.log(2) - softplus(-s))
                    else:
                        negative.append(softplus(-s) + s - math.log(2))
        return sum(negative) / len(negative) - sum(positive) / len(positive)


class TestOnTheSphere(TestJSD):
    normalizes = True

    def make(self, temperature=None, **kwargs):
        return JSDLoss(normalized=True, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)
