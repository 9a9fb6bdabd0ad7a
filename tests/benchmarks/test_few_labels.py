import pytest
import torch

from benchmarks.graphs.few_labels import VALIDATION, edges_of_labels, few_labels, model_of
from benchmarks.pages.few_labels import LOGISTIC, ROWS
from gnnclr.node import label_edges, sbm


@pytest.mark.parametrize("count", [1, 5])
def test_splits_have_so_many_labels_of_each_class(count):
    data = sbm(400, num_features=8)
    split = few_labels(data.y, count, 0)
    classes = int(data.y.max()) + 1
    assert torch.bincount(data.y[split.train], minlength=classes).tolist() == [count] * classes
    assert len(split.val) == VALIDATION and len(split.test) == 400 - VALIDATION - count * classes
    assert torch.cat([split.train, split.val, split.test]).unique().numel() == 400
    assert not torch.equal(split.train, few_labels(data.y, count, 1).train)


@pytest.mark.parametrize("row", [row for row in ROWS if row != LOGISTIC])
def test_models_give_logits(row):
    data = sbm(60, num_features=8)
    model = model_of(row, data, 0.5).eval()
    negative = torch.tensor([[0, 1], [1, 0]])
    assert model(data.x, data.edge_index, negative).shape == (60, int(data.y.max()) + 1)


def test_pairs_of_labels_join_the_graph():
    data, shown = sbm(60, num_features=8), torch.arange(9)
    edges, negative = edges_of_labels(data, shown)
    positive, expected = label_edges(data.y, shown)
    assert torch.equal(negative, expected) and edges.size(1) == data.edge_index.size(1) + positive.size(1)
