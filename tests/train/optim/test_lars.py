import copy

import pytest
import torch
from torch import nn

from gnnclr.train import LARS, parameter_groups, warmup_cosine


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.PReLU(), nn.Linear(4, 3)).double()


def gradients(model, seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(p.shape, generator=generator, dtype=p.dtype) for p in model.parameters()]


@pytest.mark.parametrize("clip", [False, True])
def test_two_steps_by_hand(clip):
    model = network()
    rates, momentum, decay, trust, eps = (0.7, 0.3), 0.8, 0.05, 0.02, 1e-3
    optimizer = LARS(parameter_groups(model), rates[0], momentum, decay, trust, eps, clip)
    expected = [p.detach().clone() for p in model.parameters()]
    velocity = [torch.zeros_like(p) for p in expected]
    for step, rate in enumerate(rates):
        for group in optimizer.param_groups:
            group["lr"] = rate
        for i, (p, g) in enumerate(zip(model.parameters(), gradients(model, step))):
            p.grad = g.clone()
            w = expected[i]
            if w.dim() > 1:
                local = trust * w.norm() / (g.norm() + decay * w.norm() + eps)
                local = min(local / rate, 1.0) if clip else local
                velocity[i] = momentum * velocity[i] + rate * local * (g + decay * w)
            else:
                velocity[i] = momentum * velocity[i] + rate * g
            expected[i] = w - velocity[i]
        optimizer.step()
    for p, w in zip(model.parameters(), expected):
        torch.testing.assert_close(p.detach(), w, rtol=1e-12, atol=1e-12)


def test_a_vector_moves_as_by_sgd():
    """Vectors are not adapted; at a constant rate it does not matter where the rate stands."""
    bias = nn.Parameter(torch.randn(4, dtype=torch.double))
    other = nn.Parameter(bias.detach().clone())
    lars, sgd = LARS([bias], 0.1, 0.9, 0.01), torch.optim.SGD([other], 0.1, 0.9, weight_decay=0.01)
    for seed in range(4):
        bias.grad = torch.randn(4, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
        other.grad = bias.grad.clone()
        lars.step()
        sgd.step()
    torch.testing.assert_close(bias.detach(), other.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_first_step_does_not_depend_on_the_scale_of_the_gradient(scale):
    weights = [nn.Parameter(torch.ones(3, 2, dtype=torch.double)) for _ in range(2)]
    for weight, factor in zip(weights, (1.0, scale)):
        weight.grad = factor * torch.arange(6, dtype=torch.double).view(3, 2)
        LARS([weight], 1.0, eps=0.0).step()
    torch.testing.assert_close(*(w.detach() for w in weights))
    length = (weights[0].detach() - 1).norm()
    torch.testing.assert_close(length, 0.001 * torch.ones(3, 2, dtype=torch.double).norm())


def test_a_zero_weight_leaves_zero():
    weight = nn.Parameter(torch.zeros(2, 2))
    weight.grad = torch.ones(2, 2)
    LARS([weight], 0.1).step()
    torch.testing.assert_close(weight.detach(), torch.full((2, 2), -0.1))


def test_a_zero_gradient_leaves_decay():
    weight = nn.Parameter(torch.ones(2, 2))
    weight.grad = torch.zeros(2, 2)
    LARS([weight], 0.1, weight_decay=0.5).step()
    torch.testing.assert_close(weight.detach(), torch.full((2, 2), 1 - 0.1 * 0.5))


def test_state_is_restored():
    model = network()
    optimizer = LARS(parameter_groups(model), 0.5, weight_decay=0.1)
    schedule = warmup_cosine(optimizer, 6, 2)

    def advance(model, optimizer, schedule, steps):
        for seed in steps:
            for p, g in zip(model.parameters(), gradients(model, seed)):
                p.grad = g
            optimizer.step()
            schedule.step()

    advance(model, optimizer, schedule, range(2))
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict(), schedule.state_dict()))
    advance(model, optimizer, schedule, range(2, 5))
    other = network(1)
    again = LARS(parameter_groups(other), 0.5, weight_decay=0.1)
    resumed = warmup_cosine(again, 6, 2)
    for part, state in zip((other, again, resumed), saved):
        part.load_state_dict(state)
    advance(other, again, resumed, range(2, 5))
    for a, b in zip(model.parameters(), other.parameters()):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"lr": -1.0}, "'lr' must be a finite number, at least 0"),
        ({"lr": 1.0, "momentum": 1.0}, "'momentum' must be a finite number, at least 0, below 1"),
        ({"lr": 1.0, "weight_decay": float("nan")}, "'weight_decay' must be a finite number"),
        ({"lr": 1.0, "trust_coefficient": "a"}, "'trust_coefficient' must be a finite number"),
        ({"lr": 1.0, "eps": -1e-8}, "'eps' must be a finite number"),
    ],
)
def test_errors(kwargs, match):
    with pytest.raises(ValueError, match=match):
        LARS([nn.Parameter(torch.ones(1))], **kwargs)


def test_clipping_holds_the_rate():
    model = nn.Linear(3, 3, bias=False)
    before, model.weight.grad = model.weight.detach().clone(), torch.full((3, 3), 1e-6)
    LARS(model.parameters(), 0.5, momentum=0.0, trust_coefficient=1.0, clip=True).step()
    torch.testing.assert_close(model.weight.detach(), before - 0.5 * 1e-6)
