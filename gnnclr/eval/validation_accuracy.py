"""How well features do on the validation rows, where no test row may be looked at."""

from typing import Any

import torch
from torch import Tensor

from gnnclr.eval.linear_probe import linear_probe
from gnnclr.eval.multilabel_probe import multilabel_probe
from gnnclr.eval.split import Split
from gnnclr.ops.labels import is_multilabel


def validation_accuracy(z: Tensor, y: Tensor, split: Split, **settings: Any) -> float:
    """Accuracy of the linear probe on the validation rows, or Micro-F1 of several labels. Probes get copies of the
    validation rows in place of the test rows, which are not even handed to them.

    Args:
        z (Tensor): Features [n, d].
        y (Tensor): Labels [n], or zeros and ones [n, c].
        split (Split): The rows to train on and to choose by.
        **settings (optional): Those of :func:`~gnnclr.eval.linear_probe`, such as ``tol``; several labels take none.
    """
    a, b = split.train.numel(), split.val.numel()
    rows = torch.cat([split.train, split.val, split.val])
    own = Split(*torch.arange(a + 2 * b).split([a, b, b]))
    z, y = z[rows], y[rows]
    return multilabel_probe(z, y, own).val_micro_f1 if is_multilabel(y) else linear_probe(z, y, own, **settings).val
