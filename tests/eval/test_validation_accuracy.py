import pytest
import torch

from gnnclr.eval import Split, linear_probe, multilabel_probe
from gnnclr.eval.validation_accuracy import validation_accuracy
from gnnclr.node import sbm


def test_validation_is_that_of_the_probe_and_no_test_row_is_read():
    data = sbm(150, num_classes=3, num_features=8, signal=0.4)
    split = Split.random(150, 0.3, 0.3)
    z, y = data.x.clone(), data.y.clone()
    expected = linear_probe(z, y, split).val
    several = torch.nn.functional.one_hot(y, 3)
    micro = multilabel_probe(z, several, split).val_micro_f1
    z[split.test], y[split.test], several[split.test] = float("nan"), 77, 9  # what reads them is refused
    assert 0.4 < expected < 1 and validation_accuracy(z, y, split) == expected
    assert validation_accuracy(z, several, split) == micro
    with pytest.raises(ValueError, match="finite"):
        linear_probe(z, y, split)
