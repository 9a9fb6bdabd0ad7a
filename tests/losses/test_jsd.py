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
            near = z[[j for j in range(len(z)) if j != i and j % n == i % n]] @ z[i]
            far = z[[j for j in range(len(z)) if j % n != i % n]] @ z[i]
            positive.append(math.log(2) - softplus(-near))
            negative.append(softplus(-far) + far - math.log(2))
        return torch.cat(negative).mean() - torch.cat(positive).mean()


class TestOnTheSphere(TestJSD):
    normalizes = True

    def make(self, temperature=None, **kwargs):
        return JSDLoss(normalized=True, **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)
