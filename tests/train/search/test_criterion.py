import pytest
import torch

from gnnclr.configs import RecipeError
from gnnclr.train import ImageData, NodeData
from gnnclr.train.search import LinkAUC, ValidationAccuracy, choose_criterion


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
