"""Large problems are not fitted to convergence."""

import sys

import torch

from gnnclr.eval import Split, linear_of_any_size, linear_probe, sgd_probe


def test_size_decides(monkeypatch):
    x, y = torch.randn(60, 2, 2), torch.arange(60) % 3
    split = Split.stratified(y, 0.5, 0.2)
    assert linear_of_any_size(x, y, split).test == linear_probe(x.flatten(1), y, split).test
    module = sys.modules[linear_of_any_size.__module__]
    monkeypatch.setattr(module, "MANY_ROWS", 30)
    assert linear_of_any_size(x, y, split).test == linear_probe(x.flatten(1), y, split, tol=1e-4).test
    monkeypatch.setattr(module, "CONVERGED", 30 * 4 * 3 - 1)
    found, plain = linear_of_any_size(x, y, split), sgd_probe(x.flatten(1), y, split)
    assert found.settings == plain.settings and found.settings["epochs"] == 50
    assert (found.test, found.val) == (plain.test, plain.val)
