import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from gnnclr.eval import Split, clustering_scores, knn_probe, linear_probe


def blobs(n=300, d=5, classes=3, spread=1.0, seed=0):
    g = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % classes
    return torch.randn(classes, d, generator=g)[y] * 2 + spread * torch.randn(n, d, generator=g), y


def test_equals_the_optimum_of_the_plain_objective():
    x, y = blobs()
    split = Split.random(300, 0.3, 0.2)
    result = linear_probe(x, y, split, scalings=["none"], C=[0.7], tol=1e-8)

    x = x.double() / x[split.train].square().sum(1).mean().sqrt()
    w = torch.zeros(6, 3, dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def objective():
        optimizer.zero_grad()
        logits = x[split.train] @ w[:-1] + w[-1]
        loss = 0.7 * torch.nn.functional.cross_entropy(logits, y[split.train], reduction="sum")
        loss = loss + 0.5 * w[:-1].square().sum()
        loss.backward()
        return loss

    optimizer.step(objective)
    predicted = (x @ w[:-1] + w[-1]).argmax(1)
    assert result.test == pytest.approx((predicted == y)[split.test].double().mean().item())
    assert result.val == pytest.approx((predicted == y)[split.val].double().mean().item())
    assert 0.5 < result.test < 1.0


def test_more_columns_than_rows_are_fitted_in_the_span_of_the_rows():
    x, y = blobs(90, d=200, spread=6.0)
    split = Split.random(90, 0.4, 0.2)
    result = linear_probe(x, y, split, scalings=["none"], C=[0.7])
    wide = x.double() / x[split.train].square().sum(1).mean().sqrt()
    model = LogisticRegression(C=0.7, tol=1e-9, max_iter=9999).fit(wide[split.train].numpy(), y[split.train].numpy())
    for rows, accuracy in ((split.test, result.test), (split.val, result.val)):
        assert accuracy == pytest.approx(model.score(wide[rows].numpy(), y[rows].numpy()))
    assert 0.5 < result.test < 1.0


@pytest.mark.parametrize("d", [5, 200])
def test_the_number_of_threads_changes_nothing(d):
    x, y = blobs(spread=3.0, d=d)
    split = Split.random(300, 0.3, 0.2)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(linear_probe(x, y, split))
    assert found[0] == found[1]


def test_settings_are_the_best_on_validation_and_test_labels_have_no_say():
    x, y = blobs(spread=3.0)
    split = Split.random(300, 0.2, 0.2)
    result = linear_probe(x, y, split)
    grid = [
        linear_probe(x, y, split, scalings=[s], C=[10.0 ** (i / 2)])
        for s in ("normalize", "standardize")
        for i in range(-6, 9)
    ]
    # Warm starts end within the tolerance of cold ones, which may move a single row.
    assert result.val >= max(r.val for r in grid) - 1.5 / split.val.numel()
    shuffled = y.clone()
    shuffled[split.test] = y[split.test].roll(1)
    other = linear_probe(x, shuffled, split)
    assert other.settings == result.settings and other.val == result.val and other.test < result.test


def test_standardizing_helps_where_columns_differ_in_scale():
    x, y = blobs(d=4, spread=0.5)
    x = torch.cat([x, 1000 * torch.randn(300, 3, generator=torch.Generator().manual_seed(1))], dim=1)
    result = linear_probe(x, y, Split.random(300, 0.3, 0.2))
    assert result.settings["scaling"] == "standardize" and result.test > 0.8


def test_constant_columns_are_harmless():
    x, y = blobs()
    split = Split.random(300, 0.3, 0.2)
    with_constant = torch.cat([x, torch.full((300, 1), 1e4 / 3), torch.zeros(300, 1)], dim=1)
    kwargs = dict(scalings=["standardize"], C=[1.0])
    # Only the common factor sees the added columns, and both are zero after scaling.
    assert linear_probe(with_constant, y, split, **kwargs) == linear_probe(x, y, split, **kwargs)
    assert linear_probe(torch.zeros(300, 2), y, split).test == pytest.approx(1 / 3, abs=0.1)


def test_two_classes_labels_with_gaps_and_half_precision():
    x, y = blobs(classes=2, spread=0.3)
    result = linear_probe(x.half(), y * 40 + 2, Split.random(300, 0.2, 0.2))
    assert result.test > 0.95


def test_a_class_without_training_rows_counts_as_wrong():
    x, y = blobs(spread=0.1)
    split = Split(torch.arange(60)[y[:60] != 2], torch.arange(60, 90)[y[60:90] != 2], torch.arange(90, 300))
    assert linear_probe(x, y, split).test == pytest.approx(2 / 3, abs=0.01)


def test_one_class():
    x, y = blobs()
    split = Split(torch.where(y == 1)[0][:5], torch.where(y == 1)[0][5:9], torch.where(y != 1)[0])
    result = linear_probe(x, y, split)
    assert (result.test, result.val) == (0.0, 1.0)


def test_no_validation_rows():
    x, y = blobs(spread=0.3)
    split = Split(torch.arange(100), torch.tensor([]), torch.arange(100, 300))
    with pytest.raises(ValueError, match="'split' must have validation rows"):
        linear_probe(x, y, split)
    result = linear_probe(x, y, split, scalings=["none"], C=[1.0])
    assert math.isnan(result.val) and result.test > 0.9


def test_errors():
    x, y = blobs()
    split = Split.random(300)
    bad = x.clone()
    bad[3, 1] = np.nan
    with pytest.raises(ValueError, match="'x' must be finite"):
        linear_probe(bad, y, split)
    with pytest.raises(ValueError, match=r"'y' must hold whole numbers, .* \(got 0\.5\)"):
        linear_probe(x, y + 0.5, split)
    with pytest.raises(ValueError, match="'train' must hold rows"):
        linear_probe(x[:50], y[:50], split)
    with pytest.raises(ValueError, match="'scalings' must be one of"):
        linear_probe(x, y, split, scalings=["whiten"])
    with pytest.raises(ValueError, match="'C' must be a positive number"):
        linear_probe(x, y, split, C=[0.0])


def test_sparse_features():
    x, y = blobs()
    split = Split.random(300, 0.3, 0.2)
    assert linear_probe(x.to_sparse_csr(), y, split) == linear_probe(x, y, split)


@pytest.mark.parametrize("probe", [linear_probe, knn_probe, clustering_scores])
@pytest.mark.parametrize("scale", [2.0**90, 2.0**-90])
def test_directions_of_huge_and_tiny_features(probe, scale):
    y = torch.arange(60) % 3
    x = torch.eye(3)[y] + 0.5 * torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    more = () if probe is clustering_scores else (Split.random(60, 0.4, 0.3),)
    assert probe(x * scale, y, *more) == probe(x, y, *more)


@pytest.mark.parametrize("scaling", ["normalize", "standardize", "none"])
def test_every_scaling_of_huge_and_tiny_features(scaling):
    x, y = blobs(90)
    split, options = Split.random(90, 0.4, 0.3), {"scalings": [scaling], "C": [0.1, 1.0]}
    for scale in (2.0**90, 2.0**-90):
        assert linear_probe(x * scale, y, split, **options) == linear_probe(x, y, split, **options)


@pytest.mark.parametrize("probe", [linear_probe, knn_probe])
def test_only_a_split_is_taken(probe):
    with pytest.raises(ValueError, match="'split' must be a Split"):
        probe(torch.randn(9, 2), torch.arange(9) % 2, (range(3), range(3, 6), range(6, 9)))


@pytest.mark.parametrize("change", [{"C": 1.0}, {"scalings": "normalize"}, {"C": None}, {"C": [float("nan")]}])
def test_grids(change):
    x, y = torch.randn(9, 2), torch.arange(9) % 2
    with pytest.raises(ValueError, match=f"'{next(iter(change))}' must be a"):
        linear_probe(x, y, Split.random(9, 0.4, 0.3), **change)


@pytest.mark.parametrize("scaling", ["normalize", "standardize", "none"])
@pytest.mark.parametrize("size", [1.0, 1e-25, 1e30])
@pytest.mark.parametrize("classes,d", [(3, 5), (2, 200)])
def test_the_head_is_the_classifier(scaling, size, classes, d):
    x, y = blobs(120, d=d, spread=3.0, classes=classes)
    x = (x + 1) * size
    split = Split.random(120, 0.4, 0.2)
    result = linear_probe(x, y + 5, split, scalings=[scaling], C=[1.0])
    predicted = result.head.predict(x)
    assert torch.equal(predicted[split.test], result.predicted) and set(predicted.tolist()) <= set((y + 5).tolist())
    assert result.head.weight.shape == (d, classes)
    if size == 1.0:
        rows = x[:2].requires_grad_()
        (grad,) = torch.autograd.grad(result.head(rows).square().sum(), rows)
        assert torch.isfinite(grad).all() and float(grad.norm()) > 0
