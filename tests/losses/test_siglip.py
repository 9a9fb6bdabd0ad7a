import copy
import math

import pytest
import torch
from contracts.loss import LossContract, derivatives, explicit_graph, make_views, relative, unit, value_and_gradients
from torch.nn.functional import logsigmoid

from gnnclr.graph import Negatives, augmentation_graph
from gnnclr.losses import SigLIPLoss


class TestSigLIP(LossContract):
    impls = ("auto", "tiles", "dense")
    one_sample = "alignment"
    bias = -2.5

    def make(self, temperature=0.1, **kwargs):
        return SigLIPLoss(temperature, self.bias, learnable=isinstance(temperature, torch.Tensor), **kwargs)

    def at_temperatures(self, temperature):
        return [*super().at_temperatures(temperature), SigLIPLoss(temperature, self.bias).double()]

    def reference(self, views, temperature):
        return self.reference_of_units([unit(view) for view in views], temperature)

    def reference_of_units(self, views, temperature):
        a, b = views
        total = 0.0
        for i in range(len(a)):
            sign = torch.tensor([1.0 if i == j else -1.0 for j in range(len(b))]).to(a)
            total = total - logsigmoid(sign * (b @ a[i] / temperature + self.bias)).sum()
        return total / len(a)


def literal(x, graph, temperature, bias):
    """The mean over anchors of the sum over pairs, positives weighed by the graph."""
    z, terms = unit(x), []
    edges, weights = graph.edge_index.t().tolist(), graph.edge_weight
    weights = torch.ones(len(edges)) if weights is None else weights
    for i in range(len(z)):
        own = [(z[p], weight) for (p, target), weight in zip(edges, weights) if target == i and weight > 0]
        if not own or (graph.anchor is not None and not graph.anchor[i]):
            continue
        mass = sum(weight for _, weight in own) / len(own)
        term = sum(-weight / mass * logsigmoid(z[i] @ p / temperature + bias) for p, weight in own)
        far = explicit_graph(graph).negative_index
        term = term - sum(logsigmoid(-(z[i] @ z[j] / temperature + bias)) for j in far[0, far[1] == i])
        terms.append(term)
    return sum(terms) / len(terms)


@pytest.mark.parametrize("scope", ["other", "all"])
def test_any_graph_against_a_literal_loop(scope):
    """Several positives of one anchor, weights, some anchors without a loss, and gradients by temperature and bias."""
    views = [view.double() for view in make_views(6, 8)]
    graph = augmentation_graph(views, torch.tensor([0, 0, 0, 1, 1, 2]), negatives=Negatives(scope=scope))
    graph.edge_weight = torch.arange(graph.edge_index.size(1)).double() % 3
    graph.anchor = torch.arange(12) % 5 > 0
    tau, bias = (torch.nn.Parameter(torch.tensor(x, dtype=torch.float64)) for x in (0.3, -1.5))
    loss = SigLIPLoss(tau, bias)
    x = graph.x.clone().requires_grad_()
    expected = torch.autograd.grad(literal(x, graph, tau, bias), (x, tau, bias))
    for form in (graph, explicit_graph(graph)):
        value, *found = derivatives(loss, graph.x, form, loss)
        assert relative(value, literal(x, graph, tau, bias).detach()) < 1e-12
        for got, wanted in zip(found, expected, strict=True):
            assert relative(got, wanted) < 1e-10


def test_defaults_are_those_of_the_paper():
    loss, views = SigLIPLoss(), make_views(9)
    assert loss.log_scale.item() == pytest.approx(math.log(10)) and loss.conv.bias.item() == -10

    def of_the_authors(a, b):
        logits = unit(a) @ unit(b).t() * 10 - 10
        return -logsigmoid(logits * (2 * torch.eye(9) - 1)).sum() / 9

    value, grad = value_and_gradients(loss, views)
    expected, expected_grad = value_and_gradients(of_the_authors, views)
    assert relative(value, expected) < 1e-6 and relative(grad, expected_grad) < 1e-5
    assert set(loss.state_dict()) == {"log_scale", "conv.bias"}
    assert not list(SigLIPLoss(learnable=False).parameters())


def test_scale_and_bias_are_learned():
    views, loss = [view.double() for view in make_views(7)], SigLIPLoss(0.2, -1.0).double()
    loss(*views).backward()

    def at(log_scale, bias):
        logits = unit(views[0]) @ unit(views[1]).t() * log_scale.exp() + bias
        return -logsigmoid(logits * (2 * torch.eye(7) - 1)).sum() / 7

    scale, bias = (x.detach().clone().requires_grad_() for x in (loss.log_scale, loss.conv.bias))
    expected = torch.autograd.grad(at(scale, bias), (scale, bias))
    torch.testing.assert_close((loss.log_scale.grad, loss.conv.bias.grad), expected)
    optimizer = torch.optim.SGD(loss.parameters(), 0.1)
    optimizer.step()
    again = copy.deepcopy(loss)
    torch.testing.assert_close(again(*views), loss(*views))
    assert loss.conv.temperature == pytest.approx(math.exp(-loss.log_scale.item()))


def test_a_bias_that_is_not_learned():
    views = make_views(6)
    fixed = SigLIPLoss(0.2, torch.tensor(-3.0), learnable=False)
    torch.testing.assert_close(fixed(*views), SigLIPLoss(0.2, -3.0)(*views))
    with pytest.raises(ValueError, match="'bias' must be a number: it is not learned"):
        SigLIPLoss(0.2, torch.nn.Parameter(torch.tensor(-3.0)), learnable=False)


def test_large_batches_in_tiles():
    views = make_views(1500, 8)
    tiles, dense = (value_and_gradients(SigLIPLoss(0.1, impl=impl), views) for impl in ("tiles", "dense"))
    assert relative(tiles[0], dense[0]) < 1e-6 and relative(tiles[1], dense[1]) < 1e-5


@pytest.mark.parametrize("n", [1, 2, 513, 1100])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_views_alone_equal_the_way_through_a_graph(n, dtype):
    """In value, and in gradients by views, temperature and bias."""
    views = [view.to(dtype) for view in make_views(n, 8)]
    found = []
    for pairing in (SigLIPLoss.pairing, None):
        loss = SigLIPLoss(0.1, -3.0)
        loss.pairing = pairing
        leaves = [view.clone().requires_grad_() for view in views]
        value = loss(*leaves)
        with torch.no_grad():
            assert relative(loss(*views), value) < 1e-6
        found.append((value.detach(), *torch.autograd.grad(value, [*leaves, loss.log_scale, loss.conv.bias])))
    for got, expected in zip(*found, strict=True):
        assert got.dtype == expected.dtype
        assert relative(got, expected) < (1e-5 if dtype == torch.float32 else 1e-2)
