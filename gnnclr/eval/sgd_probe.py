"""Linear probe by stochastic gradients, for more rows than can be fitted to convergence."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from gnnclr.eval.labels import check_can_choose, check_features_and_labels, check_grid
from gnnclr.eval.result import ProbeResult
from gnnclr.eval.split import Split
from gnnclr.ops.check import check_count, check_positive, check_seed

MOMENTUM = 0.9


def sgd_probe(
    x: Tensor,
    y: Tensor,
    split: Split,
    *,
    lrs: Sequence[float] = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
    epochs: int = 50,
    batch_size: int = 1024,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> ProbeResult:
    r"""Accuracy of a linear classifier on frozen features, trained by stochastic gradients with momentum 0.9 and a
    learning rate that falls as a cosine, as in `DINO <https://arxiv.org/abs/2104.14294>`_'s evaluation.

    Features are standardized by the training rows, and divided so that these have a root mean square norm of 1. All
    learning rates are trained side by side on the same batches; the one with the best accuracy on the validation rows
    is tested, with the weights after the last epoch. :func:`linear_probe`, which converges, is to be preferred where it
    can be waited for.

    Args:
        x (Tensor): Features of all rows.
        y (Tensor): Integer labels. Rows whose label is missing (``-1``, or NaN) are left out of all parts of the
            split, and counted in a printed line. A test row of a class that no training row has counts as wrong.
        split (Split): The rows to train on, to choose by and to test on.
        lrs (sequence of float, optional): Learning rates. (default: ``(0.1, 0.3, 1.0, 3.0, 10.0, 30.0)``)
        epochs (int, optional): Passes over the training rows. (default: ``50``)
        batch_size (int, optional): Rows of a step. (default: ``1024``)
        seed (int, optional): The seed of the order of rows; the global generator is left alone. (default: ``0``)
        device (str or torch.device, optional): Where it is trained; features stay where they are. (default: ``"cpu"``)

    Shapes:
        - **x:** :math:`(n, d)`; **y:** :math:`(n)`

    Raises:
        ValueError: If features are not finite, shapes do not fit, a number makes no sense, or there are several
            learning rates and no validation row to choose by.
    """
    features, labels, split = check_features_and_labels(x, y, split)
    rates = torch.tensor([check_positive("lrs", lr) for lr in check_grid("lrs", lrs)], device=device)
    check_count("epochs", epochs)
    check_count("batch_size", batch_size)
    check_can_choose(split, len(lrs))
    generator = torch.Generator().manual_seed(check_seed("seed", seed))
    classes = labels[split.train].unique()
    mean = features[split.train].mean(dim=0)
    std = features[split.train].std(dim=0, correction=0)
    constant = std <= 1e-6 * mean.abs()  # up to rounding: such a column carries nothing
    scale = torch.where(constant, 0.0, 1.0 / std) / max(1, int((~constant).sum())) ** 0.5

    def rows_of(index: Tensor) -> Tensor:
        return ((features[index] - mean) * scale).to(device)

    # Weights and biases of all learning rates, [l, d + 1, c], and their momentum.
    weight = torch.zeros(len(rates), features.size(1) + 1, len(classes), device=device)
    moved = torch.zeros_like(weight)
    steps = epochs * math.ceil(len(split.train) / batch_size)
    step = 0
    for _ in range(epochs):
        order = split.train[torch.randperm(len(split.train), generator=generator)]
        for index in order.split(batch_size):
            gradient = _gradient(weight, rows_of(index), torch.searchsorted(classes, labels[index]).to(device))
            moved.mul_(MOMENTUM).add_(gradient)
            cosine = (1 + math.cos(math.pi * step / steps)) / 2
            weight.sub_(moved * (rates * cosine).view(-1, 1, 1))
            step += 1

    def predicted(index: Tensor) -> Tensor:
        """The labels that each learning rate gives to rows."""
        parts = [_scores(weight, rows_of(part)).argmax(dim=2).cpu() for part in index.split(4 * batch_size)]
        return classes[torch.cat(parts, dim=1)]

    def accuracies(found: Tensor, index: Tensor) -> Tensor:
        return (found == labels[index]).double().mean(dim=1)

    rows = split.val
    val = accuracies(predicted(rows), rows) if rows.numel() else torch.full((len(rates),), math.nan)
    best = int(val.nan_to_num(0.0).argmax())
    settings = {"lr": lrs[best], "epochs": epochs}
    of_test = predicted(split.test)
    test = float(accuracies(of_test, split.test)[best])
    return ProbeResult(test=test, val=float(val[best]), settings=settings, predicted=of_test[best])


def _scores(weight: Tensor, x: Tensor) -> Tensor:
    """The scores of rows by each classifier [l, b, c]."""
    return x @ weight[:, :-1] + weight[:, -1:]


def _gradient(weight: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The gradient of the mean cross-entropy of each classifier."""
    with torch.enable_grad():
        leaf = weight.detach().requires_grad_()
        loss = cross_entropy(_scores(leaf, x).flatten(0, 1), y.repeat(len(weight))) * len(weight)
    return torch.autograd.grad(loss, leaf)[0]
