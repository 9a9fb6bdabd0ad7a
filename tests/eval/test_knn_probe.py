import math

import pytest
import torch

from gnnclr.eval import Split, knn_probe


def data(n=120, d=4, classes=5, seed=0):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(classes, (n,), generator=g)
    return torch.randn(classes, d, generator=g)[y] + torch.randn(n, d, generator=g), y


def reference(x, y, train, rows, k, votes, temperature):
    """Row by row, as the formula says."""
    hits = 0
    for i in rows.tolist():
        cos = torch.nn.functional.cosine_similarity(x[i][None], x[train])
        nearest = cos.argsort(descending=True)[:k]
        score = torch.zeros(int(y.max()) + 1)
        for j in nearest.tolist():
            score[y[train[j]]] += math.exp(cos[j] / temperature) if votes == "similarity" else 1.0
        hits += int(score.argmax() == y[i])
    return hits / rows.numel()


@pytest.mark.parametrize("k", [1, 4, 17])
@pytest.mark.parametrize("votes", ["similarity", "uniform"])
@pytest.mark.parametrize("block", [1, 100, 1 << 20])
def test_equals_the_formula(k, votes, block):
    x, y = data()
    split = Split.random(120, 0.4, 0.2)
    result = knn_probe(x, y, split, k=[k], votes=[votes], temperature=0.2, block=block)
    assert result.test == pytest.approx(reference(x, y, split.train, split.test, k, votes, 0.2))
    assert result.val == pytest.approx(reference(x, y, split.train, split.val, k, votes, 0.2))


def test_settings_are_the_best_on_validation():
    x, y = data()
    split = Split.random(120, 0.4, 0.2)
    result = knn_probe(x, y, split)
    grid = [knn_probe(x, y, split, k=[k], votes=[v]) for k in (1, 5, 10, 20, 48) for v in ("similarity", "uniform")]
    best = next(r for r in grid if r.val == max(g.val for g in grid))
    assert result == best


def test_k_above_the_training_rows_and_labels_with_gaps():
    x, y = data()
    split = Split.random(120, 0.1, 0.2)
    result = knn_probe(x, y * 1000 - 7, split, k=[10_000], votes=["uniform"])
    assert result.settings["k"] == 12
    assert result.test == knn_probe(x, y, split, k=[12], votes=["uniform"]).test


def test_a_class_without_training_rows_counts_as_wrong_and_zero_rows_are_allowed():
    y = torch.tensor([0, 0, 1, 1, 2])
    x = torch.tensor([[1.0, 0], [1, 0.1], [0, 1], [0, 0], [0, 1]])
    split = Split(torch.tensor([0, 2]), torch.tensor([1]), torch.tensor([3, 4]))
    assert knn_probe(x, y, split).test in (0.0, 0.5)


def test_low_temperature_stays_finite():
    x, y = data()
    split = Split.random(120, 0.4, 0.2)
    low = knn_probe(x, y, split, k=[9], votes=["similarity"], temperature=1e-4)
    assert low.test == knn_probe(x, y, split, k=[1]).test


def test_errors():
    x, y = data()
    split = Split.random(120)
    with pytest.raises(ValueError, match="'x' must be finite"):
        knn_probe(x / 0, y, split)
    with pytest.raises(ValueError, match="'k' must be a positive integer"):
        knn_probe(x, y, split, k=[0])
    with pytest.raises(ValueError, match="'votes' must be one of"):
        knn_probe(x, y, split, votes=["loud"])
    with pytest.raises(ValueError, match="'temperature' must be a positive number"):
        knn_probe(x, y, split, temperature=0)
    with pytest.raises(ValueError, match="'split' must have validation rows"):
        knn_probe(x, y, Split(torch.arange(3), torch.tensor([]), torch.tensor([4])))
