import copy
import pickle

import pytest
import torch
from contracts.loss import make_views

from gnnclr.losses import DCLLoss, InfoNCELoss, NTXentLoss, SigLIPLoss


def parameter(value=0.2):
    return torch.nn.Parameter(torch.tensor(value))


@pytest.mark.parametrize("kind", [NTXentLoss, InfoNCELoss, DCLLoss, SigLIPLoss])
def test_a_temperature_stands_once_in_a_checkpoint(kind):
    views, loss, other = make_views(6), kind(parameter()), kind(parameter(0.5))
    state = loss.state_dict()
    assert len(state) == len(list(loss.parameters())) and torch.equal(state["conv.temperature"], parameter())
    other.load_state_dict(state)
    assert torch.equal(other(*views), loss(*views))
    method, again = (torch.nn.ModuleDict({"loss": kind(parameter(tau))}) for tau in (0.2, 0.7))
    assert set(method.state_dict()) == {f"loss.{name}" for name in state}
    again.load_state_dict(method.state_dict())
    assert torch.equal(again["loss"](*views), loss(*views))


def test_states_with_every_name_are_loaded():
    loss, names = NTXentLoss(parameter()), ("conv", "conv.alignment", "conv.uniformity")
    loss.load_state_dict({f"{name}.temperature": torch.tensor(0.25) for name in names})
    assert loss.conv.uniformity.temperature is loss.conv.temperature and loss.conv.temperature.item() == 0.25
    with pytest.raises(RuntimeError, match=r"Missing key\(s\) in state_dict: \"conv.temperature\""):
        loss.load_state_dict({})


@pytest.mark.parametrize("how", [copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss))])
def test_copies_share_as_well(how):
    again = how(NTXentLoss(parameter()))
    assert set(again.state_dict()) == {"conv.temperature"}
