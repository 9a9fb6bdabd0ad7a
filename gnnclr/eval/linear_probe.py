"""Linear probe: logistic regression on frozen features."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from gnnclr.eval.labels import check_can_choose, check_features_and_labels, check_grid
from gnnclr.eval.linear_head import LinearHead
from gnnclr.eval.result import ProbeResult
from gnnclr.eval.split import Split
from gnnclr.eval.unit_scale import unit_scale
from gnnclr.ops.check import check_choice, check_positive
from gnnclr.ops.unit_rows import power_of_two, scale_down, unit_rows

SCALINGS = ("normalize", "standardize", "none")


def linear_probe(
    x: Tensor,
    y: Tensor,
    split: Split,
    *,
    scalings: Sequence[str] = ("normalize", "standardize"),
    C: Sequence[float] = tuple(10.0 ** (i / 2) for i in range(-6, 9)),
    patience: int = 4,
    max_iter: int = 5000,
    tol: float = 1e-7,
) -> ProbeResult:
    r"""Accuracy of an :math:`L_2`-regularized multinomial logistic regression on frozen features, trained to
    convergence.

    .. math:: \min_{\mathbf{W}, \mathbf{b}}\; \tfrac12 \|\mathbf{W}\|^2
        + C \sum_{i \in \text{train}} -\log \mathrm{softmax}(\mathbf{W}^\top \mathbf{x}_i + \mathbf{b})_{y_i}

    The scaling of the features and :math:`C` are the ones with the best accuracy on the validation rows (on a tie the
    stronger regularization); the test rows are looked at once, with those. The regression is fitted on the training
    rows only, and on one thread: small problems are fitted up to ten times faster so, and no result depends on the
    number of threads.

    Args:
        x (Tensor): Features of all rows. They are detached and read in float32.
        y (Tensor): Integer labels. Rows whose label is missing (``-1``, or NaN) are left out of all parts of the
            split, and counted in a printed line. A test row of a class that no training row has counts as wrong.
        split (Split): The rows to train on, to choose by and to test on.
        scalings (sequence of str, optional): Any of ``"normalize"`` (rows of unit norm), ``"standardize"`` (columns of
            mean 0 and deviation 1 on the training rows; constant columns become 0) and ``"none"``. All are then
            divided by the root mean square row norm of the training rows, so that one grid of :math:`C` suits them
            all. (default: ``("normalize", "standardize")``)
        C (sequence of float, optional): The grid, walked upwards, each fit starting from the last.
            (default: ``10**-3, 10**-2.5, ..., 10**4``)
        patience (int, optional): The walk ends after that many values in a row with a validation accuracy below the
            best of the walk. (default: ``4``)
        max_iter (int, optional): Most L-BFGS iterations a fit. (default: ``5000``)
        tol (float, optional): Largest gradient entry of the mean loss at convergence, as in scikit-learn. At its
            default of 1e-4 the accuracy of few training rows still moves by .3 points with the order of the sums.
            (default: ``1e-7``)

    Shapes:
        - **x:** :math:`(n, d)`; **y:** :math:`(n)`

    Raises:
        ValueError: If features are not finite, shapes do not fit, the split has rows out of range or no labeled row
            to train or to test on, a grid is empty, or there is more than one setting and no validation row to choose
            by.
    """
    features, labels, split = check_features_and_labels(x, y, split)
    for scaling in check_grid("scalings", scalings):
        check_choice("scalings", scaling, SCALINGS)
    for value in check_grid("C", C):
        check_positive("C", value)
    check_can_choose(split, len(scalings) * len(C))
    unscaled, features = features, unit_scale(features)

    classes = labels[split.train].unique()
    if classes.numel() == 1:
        val, test = (_accuracy(classes.expand(i.numel()), labels[i]) for i in (split.val, split.test))
        predicted = classes.repeat(split.test.numel())
        return ProbeResult(test=test, val=val, settings={"C": None, "scaling": None}, predicted=predicted)

    best, chosen = -1.0, None
    for scaling in scalings:
        scaled = _scale(features, split.train, scaling)
        for fitted in _path(scaled, labels, split, sorted(C), best, patience, max_iter, tol):
            best, chosen = fitted[0], (*fitted[1:], scaling)
    c, weight, bias, scaling = chosen
    predicted = classes[(_scale(features, split.train, scaling)[split.test] @ weight + bias).argmax(dim=1)]
    test = _accuracy(predicted, labels[split.test])
    val = best if split.val.numel() else math.nan
    head = LinearHead(classes, weight, bias, *_head_scale(unscaled, split.train, scaling))
    return ProbeResult(test=test, val=val, settings={"C": c, "scaling": scaling}, predicted=predicted, head=head)


def _path(
    x: Tensor,
    y: Tensor,
    split: Split,
    grid: Sequence[float],
    best: float,
    patience: int,
    max_iter: int,
    tol: float,
) -> Iterator[tuple[float, float, Tensor, Tensor]]:
    """Yields (validation accuracy, C, weight, bias) each time the accuracy is better than the best so far."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import ThreadpoolController

    model = LogisticRegression(max_iter=max_iter, tol=tol, warm_start=True)
    train_x, back = _in_own_span(x[split.train])
    train_x, train_y = train_x.numpy(), y[split.train].numpy()
    val_x, val_y = x[split.val], y[split.val]
    classes = y[split.train].unique()
    own, stale, threads = -1.0, 0, ThreadpoolController()
    for c in grid:
        model.C = float(c)
        with threads.limit(limits=1):
            model.fit(train_x, train_y)
        weight, bias = (torch.as_tensor(a, dtype=x.dtype) for a in (model.coef_.T, model.intercept_))
        if classes.numel() == 2:
            # scikit-learn gives one column for two classes: the margin of the second.
            weight, bias = (torch.cat([torch.zeros_like(a), a], dim=-1) for a in (weight, bias))
        weight = weight if back is None else back @ weight
        accuracy = _accuracy(classes[(val_x @ weight + bias).argmax(dim=1)], val_y) if val_y.numel() else 0.0
        stale = stale + 1 if accuracy < own else 0
        own = max(own, accuracy)
        if accuracy > best:
            best = accuracy
            yield best, float(c), weight, bias
        if stale == patience:
            return


def _in_own_span(x: Tensor) -> tuple[Tensor, Tensor | None]:
    """Rows in an orthonormal basis of their span where they are fewer than the columns, and the basis [d, n].

    Weights of least norm lie in that span, so the optimum is the same one, of a smaller problem.
    """
    if x.shape[0] >= x.shape[1]:
        return x, None
    basis, coordinates = torch.linalg.qr(x.T)
    return coordinates.T.contiguous(), basis


def _mean_and_factor(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and inverse deviation of columns."""
    mean, std = x.mean(dim=0), x.std(dim=0, correction=0)
    # A column that is constant up to rounding carries nothing but noise.
    constant = std <= 1e-6 * mean.abs()
    return mean, torch.where(constant, 0.0, 1.0 / std)


def _scale(x: Tensor, train: Tensor, scaling: str) -> Tensor:
    if scaling == "normalize":
        x = unit_rows(x)
    elif scaling == "standardize":
        mean, factor = _mean_and_factor(x[train])
        x = (x - mean) * factor
    norm = x[train].square().sum(dim=1).mean().sqrt()
    return x / norm if norm > 0 else x


def _head_scale(x: Tensor, train: Tensor, scaling: str) -> tuple[Tensor, Tensor, bool]:
    """The scaling of features as they came: what is subtracted, the factor, and whether rows get unit length first."""
    unit, largest = scaling == "normalize", power_of_two(x.abs().max())
    scaled = unit_rows(x) if unit else scale_down(x, largest)
    mean, factor = x.new_zeros(x.size(1)), x.new_ones(x.size(1))
    if scaling == "standardize":
        mean, factor = _mean_and_factor(scaled[train])
    norm = ((scaled[train] - mean) * factor).square().sum(dim=1).mean().sqrt()
    factor = factor / norm if norm > 0 else factor
    return (mean, factor, True) if unit else (scale_down(mean, -largest), scale_down(factor, largest), False)


def _accuracy(predicted: Tensor, y: Tensor) -> float:
    return (predicted == y).double().mean().item()
