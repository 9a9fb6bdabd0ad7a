"""A loss shows the arguments of its graph where it is called."""

import copy
import inspect
import pickle

import pytest
import torch
from contracts.discovery import public
from contracts.loss import make_views
from torch import Tensor

from gnnclr.graph import augmentation_graph
from gnnclr.losses import BarlowTwinsLoss, CLIPLoss, DCLLoss, GraphLoss, InfoNCELoss, NTXentLoss, SigLIPLoss
from gnnclr.nn import ContrastiveConv


class Weighted(GraphLoss):
    def graph(self, z0, z1, /, *, weight):
        graph = augmentation_graph([z0, z1])
        graph.edge_weight = weight
        return graph


@pytest.mark.parametrize("kind", [*public("losses", GraphLoss), Weighted], ids=lambda kind: kind.__name__)
def test_arguments_are_those_of_the_graph(kind):
    shown, graph = inspect.signature(kind.forward), inspect.signature(kind.graph)
    names = list(shown.parameters)
    own = {CLIPLoss: ["logit_scale"], SigLIPLoss: ["logit_scale", "logit_bias"]}.get(kind, [])
    assert names == [*graph.parameters, *own]
    assert all(shown.parameters[name] == given for name, given in graph.parameters.items())
    assert shown.return_annotation is Tensor


def test_names_are_those_of_the_literature():
    assert list(inspect.signature(NTXentLoss().forward).parameters) == ["z0", "z1", "views", "labels", "weight"]
    assert list(inspect.signature(BarlowTwinsLoss().forward).parameters) == ["z0", "z1", "views"]
    assert list(inspect.signature(InfoNCELoss().forward).parameters) == [
        "query",
        "key",
        "negatives",
        "in_batch",
        "weight",
    ]


def test_a_loss_of_ones_own_is_called_with_the_arguments_of_its_graph():
    loss, (z0, z1) = Weighted(ContrastiveConv(0.5)), make_views(5)
    weight = torch.arange(1.0, 11.0)
    graph = augmentation_graph([z0, z1])
    graph.edge_weight = weight
    assert torch.equal(loss(z0, z1, weight=weight), loss(torch.cat([z0, z1]), graph))
    with pytest.raises(ValueError, match="'labels' is no keyword of Weighted, which takes 'weight'"):
        loss(z0, z1, labels=torch.zeros(5, dtype=torch.long))


def test_what_is_shown_is_one_function_that_copies_and_pickles():
    assert DCLLoss.forward is GraphLoss.forward
    assert BarlowTwinsLoss.forward is not GraphLoss.forward
    assert BarlowTwinsLoss.forward.__code__ is GraphLoss.forward.__code__  # nothing is called in between
    views = make_views(6)
    for loss in (BarlowTwinsLoss(), InfoNCELoss()):
        for other in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
            assert torch.equal(other(*views), loss(*views))
