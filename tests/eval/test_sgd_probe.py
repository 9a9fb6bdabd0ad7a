import math

import pytest
import torch

from gnnclr.eval import Split, linear_probe, sgd_probe
from gnnclr.eval.sgd_probe import MOMENTUM


def data(n=600, d=12, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(classes, (n,), generator=generator) * 3  # labels need not be consecutive
    centers = torch.randn(classes, d, generator=generator)
    x = centers[y // 3] + 1.2 * torch.randn(n, d, generator=generator)
    return (
        x * 50 + 100,
        y,
        Split(torch.arange(0, n // 2), torch.arange(n // 2, 2 * n // 3), torch.arange(2 * n // 3, n)),
    )


def test_as_good_as_what_converges():
    x, y, split = data()
    converged, found = linear_probe(x, y, split, tol=1e-4), sgd_probe(x, y, split, batch_size=64)
    assert 0.6 < converged.test < 1 and abs(found.test - converged.test) < 0.03
    assert found.settings["lr"] in (0.1, 0.3, 1.0, 3.0, 10.0, 30.0) and found.settings["epochs"] == 50


def test_each_learning_rate_is_as_if_alone():
    x, y, split = data()
    without = Split(split.train, split.val[:0], split.test)
    alone = [sgd_probe(x, y, without, lrs=(lr,), epochs=2, batch_size=100).test for lr in (0.01, 3.0)]
    chosen = sgd_probe(x, y, split, lrs=(0.01, 3.0), epochs=2, batch_size=100)
    assert chosen.test == alone[(0.01, 3.0).index(chosen.settings["lr"])]
    assert math.isnan(sgd_probe(x, y, without, lrs=(0.1,), epochs=1).val)


def test_a_literal_loop():
    x, y, split = data(n=90)
    found = sgd_probe(x, y, split, lrs=(1.0,), epochs=3, batch_size=20, seed=5)
    train = x[split.train].double()
    scaled = ((x.double() - train.mean(0)) / train.std(0, correction=0)) / x.size(1) ** 0.5
    layer = torch.nn.Linear(x.size(1), 4).double()
    torch.nn.init.zeros_(layer.weight), torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0, momentum=MOMENTUM)
    generator, step = torch.Generator().manual_seed(5), 0
    for _ in range(3):
        for index in split.train[torch.randperm(45, generator=generator)].split(20):
            optimizer.param_groups[0]["lr"] = (1 + math.cos(math.pi * step / 9)) / 2
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(layer(scaled[index]), y[index] // 3).backward()
            optimizer.step()
            step += 1
    expected = (layer(scaled[split.test]).argmax(1) * 3 == y[split.test]).double().mean().item()
    assert found.test == pytest.approx(expected)


def test_constant_columns_and_errors():
    x, y, split = data()
    x[:, 0] = 3.0
    assert math.isfinite(sgd_probe(x, y, split, epochs=1).test)
    with pytest.raises(ValueError, match="'lrs' must be a positive number"):
        sgd_probe(x, y, split, lrs=(0.0,))
    with pytest.raises(ValueError, match="must have validation rows to choose between 2 settings"):
        sgd_probe(x, y, Split(split.train, split.val[:0], split.test), lrs=(0.1, 1.0))
    with pytest.raises(ValueError, match="'epochs' must be a positive integer"):
        sgd_probe(x, y, split, epochs=0)
