import copy
import math

import pytest
import torch
from loss_contract import LossContract, make_views, unit

from gnnclr.losses import CLIPLoss


class TestCLIP(LossContract):
    def make(self, temperature=0.07, **kwargs):
        return CLIPLoss(temperature, learnable=isinstance(temperature, torch.Tensor), **kwargs)

    def at_temperatures(self, temperature):
        return [*super().at_temperatures(temperature), CLIPLoss(temperature).double()]

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        a, b = views
        total = 0.0
        for x, y in ((a, b), (b, a)):
            for i in range(len(x)):
                ratios = [torch.exp((x[i] @ y[j] - x[i] @ y[i]) / temperature) for j in range(len(x)) if j != i]
                total = total + torch.log1p(sum(ratios)) / (2 * len(x))
        return total


def test_log_scale_is_learned():
    views = [view.double() for view in make_views(7)]
    loss = CLIPLoss(0.2).double()
    (parameter,) = loss.parameters()
    loss(*views).backward()
    step = 1e-6

    def at(log_scale):
        return TestCLIP().reference(views, math.exp(-log_scale))

    center = float(parameter.detach())
    expected = (at(center + step) - at(center - step)) / (2 * step)
    torch.testing.assert_close(parameter.grad, expected, rtol=1e-5, atol=1e-8)
    assert "log_scale" in loss.state_dict()


def test_a_trained_loss_can_be_copied():
    views, loss = make_views(6), CLIPLoss(0.2)
    loss(*views).backward()
    with torch.no_grad():
        loss.log_scale.sub_(loss.log_scale.grad)
    again = copy.deepcopy(loss)
    torch.testing.assert_close(again(*views), loss(*views))
    assert loss.conv.temperature == pytest.approx(math.exp(-float(loss.log_scale)), rel=1e-6)


def test_scale_is_clamped():
    loss = CLIPLoss(0.001)
    views = make_views(6)
    torch.testing.assert_close(loss(*views), CLIPLoss(0.01, learnable=False)(*views))


def test_equals_open_clip_formula():
    a, b = make_views(9)
    logits = torch.nn.functional.normalize(a) @ torch.nn.functional.normalize(b).t() / 0.07
    target = torch.arange(9)
    cross_entropy = torch.nn.functional.cross_entropy
    expected = (cross_entropy(logits, target) + cross_entropy(logits.t(), target)) / 2
    torch.testing.assert_close(CLIPLoss(0.07)(a, b), expected)
