import pytest
import torch
from torch import nn

from gnnclr.train import ContrastiveModule


def test_needs_a_training_step_loss():
    with pytest.raises(ValueError, match=r"'method' must have a training_step_loss\(batch\) \(got Linear\)"):
        ContrastiveModule(nn.Linear(2, 2))


def test_state_dict_holds_the_method():
    method = nn.Linear(2, 2)
    method.training_step_loss = lambda batch: (torch.zeros(()), {})
    assert set(ContrastiveModule(method).state_dict()) == {"method.weight", "method.bias"}
