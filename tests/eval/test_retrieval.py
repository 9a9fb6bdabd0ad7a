import pytest
import torch
from torch.nn.functional import cosine_similarity

from gnnclr.eval import Split, retrieval


def data(n=30, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % classes
    x = torch.nn.functional.one_hot(y).float() + torch.randn(n, classes, generator=generator)
    return x, y, Split(torch.arange(0, 17), torch.arange(17, 19), torch.arange(19, n))


def literal(x, y, split, k):
    average, recall = [], {size: [] for size in k}
    for q in split.test.tolist():
        scores = {r: float(cosine_similarity(x[q], x[r], dim=0)) for r in split.train.tolist()}
        ranked = [int(y[r] == y[q]) for r in sorted(scores, key=scores.get, reverse=True)]
        precisions = [sum(ranked[: i + 1]) / (i + 1) for i, hit in enumerate(ranked) if hit]
        average.append(sum(precisions) / len(precisions) if precisions else 0.0)
        for size in k:
            recall[size].append(float(any(ranked[:size])))
    return sum(average) / len(average), {size: sum(v) / len(v) for size, v in recall.items()}


@pytest.mark.parametrize("block", [1, 40, 1 << 22])
def test_equals_the_literal_definition(block):
    x, y, split = data()
    precision, recall = literal(x, y, split, (1, 3, 100))
    found = retrieval(x, y, split, k=(1, 3, 100), block=block)
    assert found.mean_average_precision == pytest.approx(precision, abs=1e-9) and found.recall == recall
    assert 0 < precision < 1


def test_a_class_without_training_rows_and_rows_without_a_label():
    x, y, split = data()
    y[25] = -1
    y[26] = 7
    kept = Split(split.train, split.val, split.test[split.test != 25])
    precision, recall = literal(x, y, kept, (1,))
    found = retrieval(x, y, split, k=(1,))
    assert found.mean_average_precision == pytest.approx(precision) and found.recall == recall


def test_errors():
    x, y, split = data()
    with pytest.raises(ValueError, match="'k' must not be empty"):
        retrieval(x, y, split, k=())
    with pytest.raises(ValueError, match="'k' must be a positive integer"):
        retrieval(x, y, split, k=(0,))
    with pytest.raises(ValueError, match="'x' must be finite"):
        retrieval(x * torch.nan, y, split)
