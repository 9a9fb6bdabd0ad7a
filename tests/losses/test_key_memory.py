import copy

import distributed_workers
import pytest
import torch
from contracts.loss import make_views, relative, unit, value_and_gradients

from gnnclr.losses import InfoNCELoss, NTXentLoss

LOSSES = pytest.mark.parametrize("kind", [NTXentLoss, InfoNCELoss])


def literal(kind, views, bank, tau):
    """Views of the batch, and of the bank, against those that have a loss."""
    a, b = (unit(view) for view in views)
    n, sides, total = len(a), ((a, b), (b, a)) if kind is NTXentLoss else ((a, b),), 0.0
    for x, y in sides:
        for i in range(n):
            others = [y[j] for j in range(n) if j != i] + list(unit(bank))
            others += [x[j] for j in range(n) if j != i] if kind is NTXentLoss else []
            total = total + torch.log1p(sum(torch.exp((x[i] @ other - x[i] @ y[i]) / tau) for other in others))
    return total / n / len(sides)


@LOSSES
@pytest.mark.parametrize("size", [7, (7, 8)])
def test_keys_of_the_last_steps_repel(kind, size):
    """Against a literal loop: the first step has none, a full queue loses its oldest."""
    loss, keys = kind(0.3, memory_bank_size=size), torch.zeros(0, 8)
    for step in range(4):
        views = make_views(3, 8, seed=step)
        value, grad = value_and_gradients(loss, views)
        expected, expected_grad = value_and_gradients(lambda *v, bank=keys: literal(kind, v, bank, 0.3), views)
        assert relative(value, expected) < 1e-5 and relative(grad, expected_grad) < 1e-5
        keys = torch.cat([keys, views[1]])[-7:]
    assert len(loss.memory.bank) == 7


@LOSSES
def test_evaluation_and_graphs_leave_the_memory_alone(kind):
    views, loss = make_views(4, 8), kind(memory_bank_size=16)
    with torch.no_grad():
        loss(*views)
    loss.eval()(*views)
    graph = loss.train().graph(*views)
    loss(graph.x, graph)
    # To the bit it is the loss of the graph; views without a memory may go a shorter way.
    assert loss.memory.bank is None and torch.equal(loss(*views), kind()(graph.x, graph))
    assert loss.eval()(*views) > kind()(*views) and len(loss.memory.bank) == 4


@LOSSES
@pytest.mark.parametrize("size", [6, (6, 8)])
def test_a_checkpoint_goes_on_as_it_was(kind, size):
    loss = kind(memory_bank_size=size)
    for step in range(3):
        loss(*make_views(4, 8, seed=step))
    again = kind(memory_bank_size=size)
    again.load_state_dict(loss.state_dict())
    twin = copy.deepcopy(loss)
    for step in range(3, 5):
        views = make_views(4, 8, seed=step)
        values = [each(*views) for each in (loss, again, twin)]
        assert torch.equal(values[0], values[1]) and torch.equal(values[0], values[2])


def test_two_processes_hold_the_same_keys(gloo):
    views = make_views(9, 8)
    batches = list(zip(*(view.split((5, 4)) for view in views)))
    loss = NTXentLoss(0.2, gather_distributed=True, memory_bank_size=20)
    alone = NTXentLoss(0.2, memory_bank_size=20)
    expected = [alone(*views), alone(*views)]
    for values, features in gloo(distributed_workers.two_steps, loss, batches):
        torch.testing.assert_close(values, torch.stack(expected))
        torch.testing.assert_close(features, alone.memory.bank.features)


@LOSSES
def test_wrong_sizes(kind):
    for size in (-1, True, 2.5, "8", (8,) * 3, (8, 0)):
        with pytest.raises(ValueError, match="'memory_bank_size' must be"):
            kind(memory_bank_size=size)
    assert kind(memory_bank_size=0).memory is None
    loss = kind(memory_bank_size=(8, 4))
    with pytest.raises(ValueError, match=r"'x' must have shape \[n, 4\]"):
        loss(*make_views(3, 6))


def test_own_negatives_and_a_memory_are_refused():
    query, key = make_views(3, 6)
    with pytest.raises(ValueError, match="'negatives' must be a tensor, shared by all queries or with in_batch=True"):
        InfoNCELoss(memory_bank_size=8)(query, key, torch.randn(3, 2, 6))
