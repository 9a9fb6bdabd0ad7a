import pytest
from torch import nn

from gnnclr.ops.eval_mode import eval_mode


def test_each_part_gets_its_mode_back():
    model = nn.Sequential(nn.Dropout(), nn.Dropout())
    model[1].eval()
    with eval_mode(model):
        assert not any(part.training for part in model.modules())
    assert model.training and model[0].training and not model[1].training


def test_after_an_error():
    model = nn.Dropout()
    with pytest.raises(RuntimeError, match="inside"), eval_mode(model):
        raise RuntimeError("inside")
    assert model.training
