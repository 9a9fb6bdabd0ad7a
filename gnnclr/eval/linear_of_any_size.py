"""Linear probe of features of any size."""

import torch
from torch import Tensor

from gnnclr.eval.labels import check_features_and_labels
from gnnclr.eval.linear_probe import linear_probe
from gnnclr.eval.result import ProbeResult
from gnnclr.eval.sgd_probe import sgd_probe
from gnnclr.eval.split import Split

#: The most training rows times features times classes that are fitted to convergence, in a minute or two of one core.
CONVERGED = 1 << 28
#: The training rows that settle a fit at scikit-learn's own tolerance, 1e-4, in a fraction of the time.
MANY_ROWS = 10_000


def linear_of_any_size(x: Tensor, y: Tensor, split: Split, device: str | torch.device = "cpu") -> ProbeResult:
    """A linear classifier, fitted to convergence (:func:`linear_probe`) where that takes minutes at most, and by
    stochastic gradients (:func:`sgd_probe`) otherwise: where training rows times features times classes are more than
    :math:`2^{28}`, as they are for the pixels of CIFAR-10. From 10,000 training rows on it has converged at a ``tol``
    of 1e-4.

    Args:
        x (Tensor): Features of all rows [n, ...], which are flattened.
        y (Tensor): Integer labels [n].
        split (Split): The rows to train on, to choose by and to test on.
        device (str or torch.device, optional): Where stochastic gradients are computed. (default: ``"cpu"``)

    Raises:
        ValueError: As of both.
    """
    x, y, split = check_features_and_labels(x.flatten(1) if x.dim() > 2 else x, y, split)
    work = len(split.train) * x.size(1) * len(y[split.train].unique())
    if work > CONVERGED:
        return sgd_probe(x, y, split, device=device)
    return linear_probe(x, y, split, tol=1e-7 if len(split.train) < MANY_ROWS else 1e-4)
