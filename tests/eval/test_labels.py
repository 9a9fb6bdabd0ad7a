"""What holds for everything that takes labels: a label that is missing is no class."""

import inspect

import pytest
import torch
from torch_geometric.data import Data

import gnnclr.eval
import gnnclr.node
from gnnclr.eval import Split
from gnnclr.eval.labels import probed_split

N = 90
#: Small settings of whatever takes labels: a function of features and labels, or of these and a split.
SETTINGS = {
    "clustering_scores": {"seeds": (0,), "backend": "sklearn", "num_init": 2},
    "evaluate_features": {},
    "few_shot": {"ways": 3, "queries": 3, "episodes": 20},
    "knn_probe": {},
    "linear_of_any_size": {},
    "linear_probe": {"scalings": ["none"], "C": [0.1, 1.0]},
    "few_labels": {"share": 0.5, "draws": 1, "probe": gnnclr.eval.knn_probe},
    "multiplex_scores": {},
    "retrieval": {},
    "sgd_probe": {"lrs": [0.1], "epochs": 2},
    "similarity_search": {},
}
#: Functions whose ``y`` is something else, and those of no features, which have tests of their own.
OTHERS = {"choose_propagation", "label_edges", "multilabel_probe", "robust_accuracy", "scaled_cosine_error"}
OTHERS |= {"zero_shot_accuracy"}


def takes_labels(function):
    return inspect.isfunction(function) and {"y", "labels"} & set(inspect.signature(function).parameters)


PUBLIC = {name: getattr(module, name) for module in (gnnclr.eval, gnnclr.node) for name in module.__all__}
WITH_LABELS = {name: f for name, f in PUBLIC.items() if takes_labels(f) and name not in OTHERS}


@pytest.fixture(params=sorted(WITH_LABELS))
def score(request):
    """A function of features, labels and a split."""
    function, settings = WITH_LABELS[request.param], SETTINGS[request.param]

    def call(x, y, split):
        x = {"x": x} if request.param == "evaluate_features" else x
        return function(x, y, *([split] if "split" in inspect.signature(function).parameters else []), **settings)

    return call


def data():
    generator = torch.Generator().manual_seed(0)
    y = torch.tensor([0, 2, 5])[torch.randint(3, (N,), generator=generator)]  # class numbers may skip some
    x = torch.nn.functional.one_hot(y, 6).float() + torch.randn(N, 6, generator=generator)
    return x, y, torch.rand(N, generator=generator) < 0.6


def thirds(known):
    """A split of all rows, and that of the rows that are known, numbered among themselves."""
    part, rank = torch.arange(N) % 3, known.cumsum(0) - 1
    whole = [(part == i).nonzero().view(-1) for i in range(3)]
    return Split(*whole), Split(*(rank[rows[known[rows]]] for rows in whole))


def labels_with_gaps(y, known, kind):
    y = torch.where(known, y, -1)
    return {"int": y, "float": torch.where(known, y.double(), float("nan")), "column": y.view(-1, 1)}[kind]


@pytest.mark.parametrize("kind", ["int", "float", "column"])
def test_rows_without_a_label_are_as_if_they_were_not_there(score, kind, capsys):
    x, y, known = data()
    split, own = thirds(known)
    noise = torch.where(known[:, None], x, 100.0)  # what unlabeled rows are like has no effect
    given = labels_with_gaps(y, known, kind)
    result = score(noise, given, split)
    line = f"{int((~known).sum())} rows have no label: left out of splits and probes ({int(known.sum())} have one)\n"
    assert capsys.readouterr().out == line
    assert score(noise, given, split) == result and capsys.readouterr().out == ""  # said once for a tensor
    assert result == score(x[known], y[known], own) and capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: y + 0.25, r"must hold whole numbers, and -1 or NaN where a label is missing \(got [1-6]\.25\)"),
        (lambda y: y / 0.0, "must hold whole numbers"),
        (lambda y: torch.full_like(y, -1), "must have a label for"),
        (lambda y: torch.full((N,), float("nan")), "must have a label for"),
        (lambda y: torch.stack([y, y], dim=1), r"must be an integer tensor of shape \[90\]"),
        (lambda y: y[:-1], r"must be an integer tensor of shape \[90\]"),
        (lambda y: [str(label) for label in y.tolist()], r"must be an integer tensor of shape \[90\]"),
    ],
)
def test_what_is_no_label_is_refused(score, change, message):
    x, y, known = data()
    with pytest.raises(ValueError, match=f"'(y|labels)' {message}"):
        score(x, change(y + 1), thirds(known)[0])


def test_noise_is_at_chance_level_whatever_share_has_no_label():
    # The rows without a label would be the largest class.
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(600, 8, generator=generator), torch.arange(600) % 4
    y[torch.rand(600, generator=generator) < 0.8] = -1
    split = Split.random(600, 0.4, 0.2)
    assert max(probe(x, y, split).test for probe in (gnnclr.eval.linear_probe, gnnclr.eval.knn_probe)) < 0.5


def test_splits_hold_rows_with_a_label_alone():
    _, y, known = data()
    y = torch.where(known, y, -1)
    split, _ = thirds(known)
    for made in (split.labeled(y), Split.stratified(y, 0.2, 0.2), Split.random(N, 0.3, 0.2).labeled(y)):
        rows = torch.cat([made.train, made.val, made.test])
        assert known[rows].all() and rows.unique().numel() == rows.numel() == int(known.sum())
    part = torch.arange(N) % 3
    masks = {f"{name}_mask": part == i for i, name in enumerate(("train", "val", "test"))}
    own = Split.from_masks(Data(y=y, **masks))
    assert own.test.tolist() == split.test[known[split.test]].tolist()
    assert len(Split.from_masks(Data(**masks)).test) == 30
    assert split.labeled(y.clamp(min=0)) is split
    with pytest.raises(ValueError, match=r"'data\.y' must have a label for a row of 'test' \(got none for 30 rows\)"):
        Split.from_masks(Data(y=torch.where(part == 2, -1, y.clamp(min=0)), **masks))
    with pytest.raises(ValueError, match=r"choose_split\(data, seed\) takes one of several splits"):
        Split.from_masks(Data(y=y, **{name: mask[:, None].expand(-1, 4) for name, mask in masks.items()}))


def test_a_validation_part_without_labels_is_empty():
    x, y, known = data()
    split, _ = thirds(known)
    y[split.val] = -1
    assert split.labeled(y).val.numel() == 0
    with pytest.raises(ValueError, match="'split' must have validation rows to choose between"):
        gnnclr.eval.knn_probe(x, y, split)


def test_several_labels_of_a_row_are_counted_once(capsys):
    _, _, known = data()
    several = torch.stack([torch.arange(N) % 2, torch.ones(N, dtype=torch.long)], dim=1)
    split = probed_split(torch.where(known[:, None], several, -1), lambda: thirds(known)[0], "node")
    assert sum(len(getattr(split, part)) for part in ("train", "val", "test")) == known.sum()
    line = f"{int((~known).sum())} nodes have no label: left out of splits and probes ({int(known.sum())} have one)\n"
    assert capsys.readouterr().out == line


def test_what_is_probed_of_a_data_set(capsys):
    def probed(y):
        split = probed_split(y, lambda: thirds(y != -1)[0], "node")
        return split, capsys.readouterr().out

    _, y, known = data()
    assert probed(y)[1] == "" and len(probed(y)[0].train) == 30
    assert probed(torch.full((N,), -1)) == (None, "no node has a label: nothing is probed\n")
    assert probed(torch.where(known, 5, -1)) == (None, "all labels are of class 5: nothing is probed\n")
    split, out = probed(torch.where(known & (y != 2), y, -1).index_fill(0, torch.tensor([2, 5]), 7))
    missing = N - sum(len(getattr(split, part)) for part in ("train", "val", "test"))
    assert out.splitlines()[0].startswith(f"{missing} nodes have no label: left out of splits and probes")
    assert out.splitlines()[1] == "no training node is of class 7: the 2 of the test count as wrong"
    with pytest.raises(ValueError, match=r"'data\.val_mask' must hold a labeled node, by which probes choose"):
        probed(torch.where(torch.arange(N) % 3 == 1, -1, y))
