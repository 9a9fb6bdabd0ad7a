import copy
import math

import pytest
import torch
from contracts.loss import LossContract, make_views, through_graph, unit

from gnnclr.losses import CLIPLoss
from gnnclr.nn import ContrastiveConv


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
                ratios = torch.exp((y[[j for j in range(len(x)) if j != i]] @ x[i] - y[i] @ x[i]) / temperature)
                total = total + torch.log1p(ratios.sum()) / (2 * len(x))
        return total


TestCLIPThroughGraph = through_graph(TestCLIP)


def test_layers_are_made_once(monkeypatch):
    """With a scale that is learned, of views alone and through a graph; the layer that stays has it as a number."""
    loss, views, layer = CLIPLoss(0.2), [view.requires_grad_() for view in make_views(6)], None
    monkeypatch.setattr(ContrastiveConv, "__init__", lambda *args, **options: pytest.fail("a layer was made"))
    for arguments in ({}, {"labels": torch.arange(6) // 2}, {"logit_scale": 7.0}):
        with torch.no_grad():
            loss.log_scale.add_(0.1)
        loss(*views, **arguments).backward()
        layer = layer or loss.conv
        assert loss.conv is layer and (loss.conv.plain and loss.log_scale.grad is not None)
        if "logit_scale" not in arguments:
            assert layer.temperature == layer.uniformity.temperature == float(loss.temperature.detach())


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


def test_a_bank_against_a_literal_loop():
    """Rows of a bank repel every anchor, as unit vectors, whether the temperature is learned or not."""
    a, b = make_views(4, 8)
    graph = CLIPLoss().graph(a, b)
    graph.bank = make_views(3, 8, 1, seed=2)[0] * torch.tensor([[0.1], [1.0], [9.0]])
    total, bank = 0.0, unit(graph.bank.rows)
    for x, y in ((unit(a), unit(b)), (unit(b), unit(a))):
        for i in range(4):
            others = [y[j] for j in range(4) if j != i] + list(bank)
            total += torch.log1p(sum(torch.exp((x[i] @ other - x[i] @ y[i]) / 0.2) for other in others)) / 8
    for loss in (CLIPLoss(0.2), CLIPLoss(0.2, learnable=False), CLIPLoss(torch.nn.Parameter(torch.tensor(0.2)))):
        torch.testing.assert_close(loss(graph.x, graph).detach().double(), total, rtol=1e-5, atol=0)


def loss_and_scale(temperature):
    """A loss whose log scale is learned, and one that has the temperature as the caller's parameter."""
    parameter = torch.nn.Parameter(torch.tensor(temperature))
    loss, other = CLIPLoss(temperature), CLIPLoss(parameter)
    assert list(other.parameters()) == [parameter]
    return (loss, loss.log_scale, -1.0), (other, parameter, 1.0)


@pytest.mark.parametrize("temperature", [0.01, 0.005])
def test_a_scale_at_or_beyond_the_bound_comes_back(temperature):
    """Two hard negatives: the loss falls as the temperature rises."""
    z = torch.tensor([[1.0, 0.0], [0.99, 0.14]])
    for loss, learned, rises in loss_and_scale(temperature):
        value = loss(z, z.flip(0))
        torch.testing.assert_close(value, CLIPLoss(0.01, learnable=False)(z, z.flip(0)))
        value.backward()
        # The slope at the bound, the same from both sides.
        by_temperature = (CLIPLoss(0.0101)(z, z.flip(0)) - value).item() / 1e-4
        expected = by_temperature * (0.01 if learned is loss.log_scale else 1) * rises
        assert learned.grad.item() == pytest.approx(expected, rel=0.02)
        optimizer = torch.optim.SGD([learned], lr=0.2 / abs(learned.grad.item()))
        for _ in range(40):
            optimizer.zero_grad()
            loss(z, z.flip(0)).backward()
            optimizer.step()
        assert float(loss.conv.temperature) > 0.011


@pytest.mark.parametrize("temperature", [0.01, 0.005])
def test_no_gradient_leads_further_out(temperature):
    """Apart from a negative that is close the loss falls as the temperature falls."""
    z0, z1 = torch.tensor([[1.0, 0.0], [0.99, 0.14]]), torch.tensor([[1.0, 0.0], [0.99, 0.14]])
    for loss, learned, _ in loss_and_scale(temperature):
        loss(z0, z1).backward()
        assert learned.grad == 0


def test_a_parameter_is_the_temperature_itself():
    views = [view.double() for view in make_views(6)]
    parameter = torch.nn.Parameter(torch.tensor(0.2, dtype=torch.float64))
    loss = CLIPLoss(parameter)
    loss(*views).backward()
    (by_log_scale,) = torch.autograd.grad((other := CLIPLoss(0.2).double())(*views), other.parameters())
    torch.testing.assert_close(parameter.grad, -by_log_scale / 0.2, rtol=1e-6, atol=0)
    assert loss.log_scale is None and set(loss.state_dict()) == {"conv.temperature"}
    with pytest.raises(ValueError, match="'temperature' must be a number: it is not learned"):
        CLIPLoss(parameter, learnable=False)


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


def test_compiled_as_one_graph_with_a_scale_that_is_learned():
    torch._dynamo.reset()
    loss, views = CLIPLoss(0.07), [view.requires_grad_() for view in make_views(7, 8)]
    inputs, expected = [*views, loss.log_scale], loss(*views)
    value = torch.compile(lambda a, b: loss(a, b), fullgraph=True, backend="aot_eager")(*views)
    torch.testing.assert_close(value, expected)
    for got, wanted in zip(torch.autograd.grad(value, inputs), torch.autograd.grad(expected, inputs)):
        torch.testing.assert_close(got, wanted)
