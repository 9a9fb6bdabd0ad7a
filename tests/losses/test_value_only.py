"""Without gradients no loss computes a message, and its value is the same."""

import pytest
import torch
from contracts.discovery import cases
from contracts.loss import LossContract, make_views

from gnnclr.graph import augmentation_graph
from gnnclr.nn import AlignmentConv, PairConv, UniformityConv, WeightedSum
from gnnclr.nn.bridge import bridge
from gnnclr.nn.update import Update

CASES = cases("losses", LossContract)


@pytest.fixture
def updates(monkeypatch):
    """What layers computed, outermost last."""
    seen, step = [], PairConv._step

    def watch(self, *args, **kwargs):
        seen.append(step(self, *args, **kwargs))
        return seen[-1]

    monkeypatch.setattr(PairConv, "_step", watch)
    return seen


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
@pytest.mark.parametrize("explicit", [False, True])
def test_a_value_costs_no_message(case, explicit, updates):
    case = case()
    views = make_views(9, views=case.num_views[-1])
    loss = case.make(0.2)
    graph = loss.graph(*views, **case.joined_arguments())
    if explicit and case.repels:
        target, source = torch.ones(len(graph.x), len(graph.x)).tril(-1).nonzero().t()
        graph.negative_index = torch.stack([source, target])
    expected = loss(graph.x.clone().requires_grad_(), graph)
    of_message = len(updates)
    with torch.no_grad():
        value = loss(graph.x, graph)
    assert torch.equal(value, expected.detach())
    if updates and updates[of_message - 1].energy is not None:
        assert updates[of_message - 1].message is not None and updates[-1].message is None
        assert not expected.requires_grad or not value.requires_grad
    for parameter in loss.parameters():
        parameter.requires_grad_(False)
    assert torch.equal(loss(graph.x, graph), value)
    assert not updates or updates[-1].energy is None or updates[-1].message is None


def test_what_is_learned_has_a_gradient_without_one_by_rows(updates):
    tau = torch.nn.Parameter(torch.tensor(0.3))
    views = make_views(6)
    for conv in (UniformityConv(tau), WeightedSum((0.5, AlignmentConv(1.0)), (1.0, UniformityConv(tau)))):
        graph = augmentation_graph(views)
        value = conv.energy(graph.x, graph)
        assert updates[-1].message is not None
        assert torch.autograd.grad(value, tau)[0] != 0


def test_a_layer_without_an_energy_has_its_message_anyway():
    z = torch.randn(4, 3)
    assert bridge(z, Update(None, z)) == -z.square().sum()
