import pytest
import torch
from torch import nn

from gnnclr.train import LARS, Muon


@pytest.mark.parametrize("kind", [LARS, Muon])
@pytest.mark.parametrize("weight_decay", [0.0, 0.5])
def test_closure_and_missing_gradients(kind, weight_decay):
    used, unused = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))
    optimizer = kind([used, unused], 0.1, weight_decay=weight_decay)

    def closure():
        optimizer.zero_grad()
        loss = used.square().sum()
        loss.backward()
        return loss

    assert float(optimizer.step(closure).detach()) == 4.0
    assert not torch.equal(used, unused) and torch.equal(unused, torch.ones(2, 2))
    assert torch.equal(used.grad, torch.full((2, 2), 2.0))
