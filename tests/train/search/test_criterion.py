import pytest
import torch
from sklearn.metrics import roc_auc_score

from gnnclr.configs import RecipeError
from gnnclr.eval import LinkSplit, Split, linear_probe, multilabel_probe
from gnnclr.node import sbm
from gnnclr.train import ImageData, NodeData
from gnnclr.train.search import LinkAUC, ValidationAccuracy, choose_criterion
from gnnclr.train.search.criterion import centered_auc, validation_accuracy


def test_validation_is_that_of_the_probe_and_no_test_row_is_read():
    data = sbm(150, num_classes=3, num_features=8, signal=0.4)
    split = Split.random(150, 0.3, 0.3)
    z, y = data.x.clone(), data.y.clone()
    expected = linear_probe(z, y, split).val
    several = torch.nn.functional.one_hot(y, 3)
    micro = multilabel_probe(z, several, split).val_micro_f1
    z[split.test], y[split.test], several[split.test] = float("nan"), 77, 9  # what reads them is refused
    assert 0.4 < expected < 1 and validation_accuracy(z, y, split) == expected
    assert validation_accuracy(z, several, split) == micro
    with pytest.raises(ValueError, match="finite"):
        linear_probe(z, y, split)


def test_links_are_ranked_by_the_cosine_of_centered_rows():
    data = sbm(90, num_classes=3, num_features=8, signal=0.4)
    split = LinkSplit.random(data)
    z = torch.randn(90, 8) + 100 * torch.randn(8)  # a shared direction hides the others
    c = (z - z.mean(dim=0)).double()
    c = c / c.norm(dim=1, keepdim=True)
    pairs = [(int(i), int(j)) for part in (split.val_positive, split.val_negative) for i, j in part.T]
    truth = [1] * split.val_positive.size(1) + [0] * split.val_negative.size(1)
    expected = roc_auc_score(truth, [float(c[i] @ c[j]) for i, j in pairs])
    assert centered_auc(z, split.val_positive, split.val_negative) == pytest.approx(expected)


def test_held_out_edges_are_not_in_the_graph():
    data, criterion = NodeData("sbm", size=120), LinkAUC()
    criterion.prepare(data)
    edges = set(map(tuple, data.graph.edge_index.T.tolist()))
    held = torch.cat([criterion.split.val_positive, criterion.split.test_positive], dim=1).T.tolist()
    assert held and not any((i, j) in edges or (j, i) in edges for i, j in held)
    graph = data.graph
    data.setup("fit")
    assert data.graph is graph
    again = LinkAUC()
    again.prepare(NodeData("sbm", size=120))
    assert torch.equal(again.split.val_positive, criterion.split.val_positive)


def test_data_choose_the_criterion(tmp_path):
    labeled = NodeData("sbm", size=120)
    labeled.setup("fit")
    assert isinstance(choose_criterion(None, labeled), ValidationAccuracy)
    assert isinstance(choose_criterion("link_auc", labeled), LinkAUC)
    with pytest.raises(RecipeError, match=r"'criterion' must be one of .*validation.* \(got 'acc'\)"):
        choose_criterion("acc", labeled)
    labeled.split = None
    assert isinstance(choose_criterion(None, labeled), LinkAUC)
    with pytest.raises(
        RecipeError, match=r"got 'validation', without labels to probe\); --criterion=link_auc needs none"
    ):
        choose_criterion("validation", labeled)
    images = ImageData("digits")
    with pytest.raises(RecipeError, match=r"got 'link_auc' for images, which have no edges"):
        choose_criterion("link_auc", images)
    with pytest.raises(RecipeError, match="the data have no labels to probe, and no edges"):
        choose_criterion(None, images)  # of which nothing was read
