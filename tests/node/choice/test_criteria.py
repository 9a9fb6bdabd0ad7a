import math

import pytest
import torch

from gnnclr.eval import Split, linear_probe
from gnnclr.eval.link_prediction import centered_auc
from gnnclr.node import sbm
from gnnclr.node.choice.criteria import TOL, ByLinks, ByValidation


@pytest.fixture
def data():
    return sbm(150, num_classes=3, num_features=8, signal=0.4)


def test_validation_is_the_probe_without_the_test(data):
    split = Split.random(150, 0.3, 0.3)
    expected = linear_probe(data.x, data.y, split, tol=TOL).val
    y, z = data.y.clone(), data.x.clone()
    y[split.test], z[split.test] = 77, float("nan")
    criterion = ByValidation(data, y, split)
    assert bool((criterion.y[split.test] == -1).all())
    assert criterion.score(z) == expected and criterion.title == "accuracy on 45 validation nodes"
    assert criterion.error(0.8) == pytest.approx(math.sqrt(0.8 * 0.2 / 45))
    assert criterion.error(1.0) == 0.0


def test_of_many_nodes_some_are_drawn(data):
    split = Split.random(150, 0.3, 0.3)
    criterion = ByValidation(data, data.y, split, most=20)
    assert criterion.split.train.numel() == criterion.split.val.numel() == 20
    assert bool(torch.isin(criterion.split.val, split.val).all())
    again = ByValidation(data, data.y, split, most=20)
    assert torch.equal(again.split.val, criterion.split.val)


def test_several_labels_of_a_node(data):
    several = torch.nn.functional.one_hot(data.y, 3)
    assert 0 < ByValidation(data, several, Split.random(150, 0.3, 0.3)).score(data.x) <= 1


def test_links(data):
    criterion = ByLinks(data)
    held = {tuple(pair) for pair in criterion.split.val_positive.T.tolist()}
    assert not held & {tuple(pair) for pair in criterion.graph.edge_index.T.tolist()}
    assert criterion.score(data.x) == centered_auc(data.x, criterion.split.val_positive, criterion.split.val_negative)
    n, area = criterion.split.val_positive.size(1), 0.8
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    literal = (area * (1 - area) + (n - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)) / (n * n)
    assert criterion.error(area) == pytest.approx(math.sqrt(literal)) and criterion.error(1.0) == 0.0
