import copy
import math

import pytest
import torch
from torch import nn

from gnnclr.train import Muon, parameter_groups
from gnnclr.train.optim.muon import QUINTIC, orthogonalized


def literal(matrix, steps=5):
    """The polynomial of the singular values, one by one."""
    u, s, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    s = s / s.norm() if s.norm() > 0 else s
    a, b, c = QUINTIC
    for _ in range(steps):
        s = a * s + b * s**3 + c * s**5
    return u @ s.diag() @ v


def network(seed=0):
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8, 5), nn.PReLU()]
    return nn.Sequential(*layers).double()


def train(model, optimizer, seeds):
    for seed in seeds:
        images = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
        optimizer.zero_grad()
        model(images).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (6, 6), (5, 40), (40, 5)])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_singular_values_go_through_the_polynomial(shape, steps):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    torch.testing.assert_close(orthogonalized(matrix, steps), literal(matrix, steps), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 2e-4), (torch.bfloat16, 8e-3), (torch.float16, 1e-3)])
def test_directions_of_little_gradient_come_out_in_lower_precision(dtype, atol):
    u, _ = torch.linalg.qr(torch.randn(24, 24, generator=torch.Generator().manual_seed(0), dtype=torch.double))
    matrix = (u * torch.logspace(0, -2, 24, dtype=torch.double)[:, None]).to(dtype)
    out = orthogonalized(matrix)
    assert out.dtype == dtype
    torch.testing.assert_close(out.double(), literal(matrix), rtol=0, atol=atol)
    assert torch.linalg.svdvals(out.double()).min() > 0.5 > torch.linalg.svdvals(matrix.double())[4]


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e15])
def test_the_scale_of_the_gradient_does_not_matter(scale):
    matrix = torch.randn(4, 9, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(orthogonalized(scale * matrix), orthogonalized(matrix), rtol=1e-4, atol=1e-5)


def test_zeros_stay():
    assert torch.equal(orthogonalized(torch.zeros(3, 4)), torch.zeros(3, 4))


def test_two_steps_by_hand():
    filters = nn.Parameter(torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.double))
    expected, mean = filters.detach().flatten(1).clone(), torch.zeros(4, 18, dtype=torch.double)
    optimizer = Muon([filters], 0.1, momentum=0.9, weight_decay=0.2)
    for seed, rate in enumerate((0.1, 0.05)):
        optimizer.param_groups[0]["lr"] = rate
        slope = torch.randn(4, 18, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
        filters.grad = slope.view_as(filters).clone(memory_format=torch.channels_last)
        optimizer.step()
        mean = 0.9 * mean + 0.1 * slope
        update = literal(0.1 * slope + 0.9 * mean)
        expected = (1 - rate * 0.2) * expected - 0.2 * rate * math.sqrt(18) * update
    torch.testing.assert_close(filters.detach().flatten(1), expected, rtol=1e-9, atol=1e-9)


def test_a_matrix_moves_as_by_torch():
    """PyTorch's own takes matrices, and brings them to bfloat16 on the way."""
    weight = nn.Parameter(torch.randn(6, 10, generator=torch.Generator().manual_seed(0)))
    other, before = nn.Parameter(weight.detach().clone()), weight.detach().clone()
    settings = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}
    ours, torchs = Muon([weight], **settings), torch.optim.Muon([other], **settings, adjust_lr_fn="match_rms_adamw")
    for seed in range(3):
        weight.grad = torch.randn(6, 10, generator=torch.Generator().manual_seed(seed))
        other.grad = weight.grad.clone()
        ours.step()
        torchs.step()
    assert (weight - other).norm() < 0.02 * (weight - before).norm()


def test_vectors_and_scalars_move_as_by_adamw():
    vectors = [nn.Parameter(torch.randn(4, dtype=torch.double)), nn.Parameter(torch.tensor(2.0, dtype=torch.double))]
    others = [nn.Parameter(vector.detach().clone()) for vector in vectors]
    settings = {"lr": 0.1, "weight_decay": 0.05, "betas": (0.8, 0.95), "eps": 1e-6}
    ours, torchs = Muon(vectors, **settings), torch.optim.AdamW(others, **settings)
    for seed in range(4):
        for vector, other in zip(vectors, others):
            vector.grad = torch.randn(vector.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
            other.grad = vector.grad.clone()
        ours.step()
        torchs.step()
    torch.testing.assert_close(vectors, others, rtol=1e-12, atol=1e-12)


def test_state_is_restored():
    model = network()
    optimizer = Muon(parameter_groups(model), weight_decay=0.1)
    train(model, optimizer, range(2))
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    train(model, optimizer, range(2, 5))
    other = network(1)
    again = Muon(parameter_groups(other))
    other.load_state_dict(saved[0])
    again.load_state_dict(saved[1])
    train(other, again, range(2, 5))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters()))


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"lr": -1.0}, "'lr' must be a finite number, at least 0"),
        ({"momentum": 1.0}, "'momentum' must be a finite number, at least 0, below 1"),
        ({"weight_decay": float("nan")}, "'weight_decay' must be a finite number"),
        ({"steps": 0}, "'steps' must be a positive integer"),
        ({"betas": (0.9, 1.0)}, r"'betas\[1\]' must be a finite number, at least 0, below 1"),
        ({"eps": -1e-8}, "'eps' must be a finite number"),
    ],
)
def test_errors(kwargs, match):
    with pytest.raises(ValueError, match=match):
        Muon([nn.Parameter(torch.ones(1))], **kwargs)
