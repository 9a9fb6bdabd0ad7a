import math

import pytest
import torch
from sklearn.metrics import f1_score

from gnnclr.eval import Split, multilabel_probe
from gnnclr.eval.labels import probed_split


def labels_of(x):
    return torch.stack([x[:, 0] > 0, x[:, 1] + x[:, 2] > 0, x[:, 3] > 1.2], dim=1).long()


def test_labels_that_are_linear_are_found():
    torch.manual_seed(0)
    x = torch.randn(300, 6)
    y, split = labels_of(x), Split.random(300, 0.4, 0.2)
    scores = multilabel_probe(x, y, split)
    assert scores.micro_f1 > 0.9 and scores.macro_f1 > 0.75 and scores.val_micro_f1 > 0.85 and scores.C in (1, 10, 100)
    noise = multilabel_probe(torch.randn(300, 6), y, split)
    assert noise.micro_f1 < 0.75
    scaled = multilabel_probe(x.to_sparse_csr() * 1e6, y, split)
    assert scaled.micro_f1 == pytest.approx(scores.micro_f1, abs=0.02)


def test_equals_one_classifier_for_each_label():
    from sklearn.linear_model import LogisticRegression

    torch.manual_seed(0)
    x = torch.randn(120, 4)
    y, split = labels_of(x), Split.random(120, 0.5, 0.1)
    found = torch.zeros(split.test.numel(), 3, dtype=torch.long)
    mean, std = x[split.train].mean(0), x[split.train].std(0, correction=0)
    for c in range(3):
        model = LogisticRegression(C=1.0, max_iter=2000).fit((x[split.train] - mean) / std, y[split.train, c])
        found[:, c] = torch.from_numpy(model.predict((x[split.test] - mean) / std))
    scores = multilabel_probe(x, y, split, C=(1.0,))
    assert scores.micro_f1 == pytest.approx(f1_score(y[split.test], found, average="micro"), abs=0.02)
    assert scores.macro_f1 == pytest.approx(f1_score(y[split.test], found, average="macro"), abs=0.03)


def test_rows_without_labels_are_left_out(capsys):
    torch.manual_seed(0)
    x = torch.randn(200, 6)
    y, split = labels_of(x), Split.random(200, 0.4, 0.2)
    hidden = y.clone()
    hidden[split.test[:30]] = -1
    rest = Split(split.train, split.val, split.test[30:])
    found = [multilabel_probe(x, hidden, split) for _ in range(2)]
    assert found == [multilabel_probe(x, y, rest)] * 2
    assert capsys.readouterr().out == "30 rows have no label: left out of splits and probes (170 have one)\n"
    assert len(probed_split(hidden.clone(), lambda: split, "node").test) == len(rest.test)
    assert capsys.readouterr().out == "30 nodes have no label: left out of splits and probes (170 have one)\n"
    y[:, 2] = 1  # a label that all have
    assert 0 < multilabel_probe(x, y, split).macro_f1 <= 1


def test_errors():
    x, y = torch.randn(40, 3), torch.randint(2, (40, 3))
    split = Split.random(40, 0.4, 0.2)
    for bad in (y.float(), y[:, 0], y + 1, y[:30]):
        with pytest.raises(ValueError, match=r"'y' must hold zeros and ones, or -1, of shape \[40, c\]"):
            multilabel_probe(x, bad, split)
    with pytest.raises(ValueError, match="'x' must be finite"):
        multilabel_probe(x / 0, y, split)
    with pytest.raises(ValueError, match="'split' must be a Split"):
        multilabel_probe(x, y, (split.train, split.val, split.test))
    without = Split(split.train, torch.empty(0, dtype=torch.long), split.test)
    with pytest.raises(ValueError, match="must have validation rows to choose"):
        multilabel_probe(x, y, without)
    assert math.isnan(multilabel_probe(x, y, without, C=(1.0,)).val_micro_f1)
