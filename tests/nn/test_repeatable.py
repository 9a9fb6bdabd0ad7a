import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from gnnclr.nn import repeatable
from gnnclr.nn.repeatable import Repeatable, recomputed

X = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
MODULES = {
    "dropout": lambda: nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.5)),
    "batch norm": lambda: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4)),
    "cumulative batch norm": lambda: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4, momentum=None)),
    "spectral norm": lambda: spectral_norm(nn.Linear(5, 4)),  # whose output depends on what it writes
}


def make(name):
    torch.manual_seed(0)
    return MODULES[name]()


@pytest.mark.parametrize("name", MODULES)
def test_a_second_run_does_the_same_and_leaves_no_trace(name):
    module = make(name)
    runs = [Repeatable(module) for _ in range(2)]
    outputs = [run(X) for run in runs]
    left = copy.deepcopy([*module.buffers(), torch.get_rng_state()])
    for run, output in reversed([*zip(runs, outputs)]):
        assert torch.equal(run(X), output)
    assert all(map(torch.equal, [*module.buffers(), torch.get_rng_state()], left))


@pytest.mark.parametrize("name", MODULES)
def test_a_first_run_is_that_of_the_module(name):
    found = []
    for make_run in (Repeatable, lambda module: module):
        module = make(name)
        torch.manual_seed(1)
        found.append([make_run(module)(X), *module.buffers(), torch.rand(1)])
    assert all(map(torch.equal, *found))


@pytest.mark.parametrize("name", MODULES)
def test_gradients_of_two_backward_passes(name):
    gradients = []
    for run in (lambda module: module(X), lambda module: recomputed(module, X)):
        module = make(name)
        torch.manual_seed(1)
        loss = run(module).square().sum()
        loss.backward(retain_graph=True)
        loss.backward()
        gradients.append([*(p.grad for p in module.parameters()), *module.buffers()])
    assert all(map(torch.equal, *gradients))


def test_large_constants_are_not_kept(monkeypatch):
    monkeypatch.setattr(repeatable, "SMALL", 3)
    module = nn.BatchNorm1d(5)
    module.register_buffer("table", torch.ones(100))
    run = Repeatable(module)
    run(X)
    assert {name for _, name, _ in run._written} == {"running_mean", "running_var", "num_batches_tracked"}


def test_a_run_that_fails_leaves_buffers_alone():
    module = nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 3))
    run, x = Repeatable(module), X.clone()
    run(x)
    left = copy.deepcopy([*module.buffers()])
    with pytest.raises(RuntimeError):
        run(x[:, :4])
    assert all(map(torch.equal, module.buffers(), left))


def test_the_cache_of_autocast_is_as_before():
    with torch.autocast("cpu", torch.bfloat16):
        Repeatable(nn.Linear(5, 3))(X)
        assert torch.is_autocast_cache_enabled()
