"""Layers check the graphs that enter them, once for each version of a graph."""

import copy

import pytest
import torch
from contracts.loss import WRONG_PARTS

from gnnclr import nn
from gnnclr.dynamics import joint_distribution, simulate
from gnnclr.graph import ContrastGraph, ExtraNegatives, augmentation_graph, check_graph_parts
from gnnclr.losses import NTXentLoss
from gnnclr.nn.attention import AttentionAlignmentConv
from gnnclr.nn.features import BarlowTwinsConv, CCAConv, VICRegConv
from gnnclr.ops.kernels import Gaussian

LAYERS = {
    "AlignmentConv": nn.AlignmentConv(),
    "AttentionAlignmentConv": AttentionAlignmentConv(),
    "StopGradientAlignmentConv": nn.StopGradientAlignmentConv(),
    "FarPositiveAlignmentConv": nn.FarPositiveAlignmentConv(),
    "UniformityConv": nn.UniformityConv(),
    "GaussianUniformityConv": nn.GaussianUniformityConv(),
    "PotentialConv": nn.PotentialConv(Gaussian()),
    "ContrastiveConv": nn.ContrastiveConv(),
    "decoupled": nn.ContrastiveConv(denominator="none"),
    "all positives": nn.ContrastiveConv(denominator="all"),
    "HardNegativeConv": nn.HardNegativeConv(),
    "RandomWalkConv": nn.RandomWalkConv(),
    "TripletConv": nn.TripletConv(),
    "WeightedSum": nn.WeightedSum((1.0, nn.AlignmentConv()), (1.0, nn.UniformityConv())),
    "AsymmetricConv": nn.AsymmetricConv(nn.ContrastiveConv(), {(0, 1): (1.0, 1.0), (1, 0): (1.0, 1.0)}),
    "rounds": nn.JumpingKnowledgeConv(nn.ContrastiveConv(), rounds=2),
    "surrogate": nn.JumpingKnowledgeConv(nn.ContrastiveConv(), rounds=2, stop_gradient="target"),
    "BarlowTwinsConv": BarlowTwinsConv(),
    "VICRegConv": VICRegConv(),
    "CCAConv": CCAConv(),
}


def make_graph(n=5):
    graph = augmentation_graph(list(torch.nn.functional.normalize(torch.randn(2, n, 4), dim=2)))
    graph.edge_weight = torch.ones(2 * n)
    return graph


@pytest.mark.parametrize("name", WRONG_PARTS)
def test_every_entrance(name):
    wrong, message = WRONG_PARTS[name]
    entrances = [use for conv in LAYERS.values() for use in (conv, conv.energy)]
    entrances += [lambda x, graph: simulate(nn.ContrastiveConv(), graph, x, rounds=1)]
    entrances += [lambda x, graph: joint_distribution(graph)] if "bank" not in name else []
    for use in entrances:
        graph = make_graph()
        wrong(graph)
        with pytest.raises(ValueError, match=message):
            use(graph.x, graph)


@pytest.mark.parametrize("layer", LAYERS)
def test_positives_of_weight_zero_attract_nobody(layer):
    """Those of one anchor, and one of two of another."""
    conv, graph = LAYERS[layer], make_graph()
    x = graph.x.double()
    graph.edge_index = torch.cat([graph.edge_index, torch.tensor([[2], [1]])], dim=1)
    graph.edge_weight = torch.tensor([0.0, *[1.0] * 9, 0.0])
    removed = copy.copy(graph)
    removed.edge_index, removed.edge_weight = graph.edge_index[:, 1:-1], None
    removed.ignore_index = torch.tensor([[2, 1], [1, 2]])  # they do not repel either
    torch.testing.assert_close(conv(x, graph), conv(x, removed), rtol=1e-9, atol=1e-12)


def test_self_loops_weigh_nothing_where_entries_are_not_looked_at():
    graph = make_graph()
    graph.edge_weight = None
    looped = copy.copy(graph)
    looped.edge_index = torch.cat([graph.edge_index, torch.arange(10).expand(2, -1)], dim=1)
    for conv in (nn.ContrastiveConv(), nn.ContrastiveConv(denominator="all"), nn.RandomWalkConv()):
        torch.testing.assert_close(conv.step(graph.x, looped).message, conv.step(graph.x, graph).message)
    assert torch.equal(looped.has_positive, graph.has_positive)


def test_a_graph_is_looked_at_once(monkeypatch):
    looked = []
    checks = {
        name: lambda *args, check=check: (looked.append(args[0]), check(*args))
        for name, check in check_graph_parts._CHECKS.items()
    }
    monkeypatch.setattr(check_graph_parts, "_CHECKS", checks)
    conv, loss, graph = nn.ContrastiveConv(), NTXentLoss(0.2), make_graph(6)
    conv(graph.x, graph)
    assert "edge_weight" in looked
    looked.clear()
    for other in (graph, copy.copy(graph)):
        conv.energy(graph.x, other)
        loss(graph.x, other)
    assert not looked
    graph.edge_weight.mul_(2)
    conv(graph.x, graph)
    assert looked == ["edge_weight"]
    views = torch.randn(2, 6, 4)
    loss(*views)
    looked.clear()
    loss(*views)  # what augmentation_graph makes was looked at when there was one of that size
    assert not looked


def test_entries_on_other_devices_are_not_looked_at():
    """Nothing that a host would wait for: there are no entries on the device "meta"."""
    graph = make_graph()
    graph.bank, graph.features = torch.ones(2, 4), torch.ones(10, 3)
    graph.ignore_index = torch.tensor([[0], [3]])
    graph.extra = ExtraNegatives(torch.tensor([[0], [3]]), scale=torch.ones(1))
    x = graph.x.to("meta")
    graph.clone().to("meta").admit(x)
    with pytest.raises(ValueError, match="'sample' must be on meta, as the embeddings are"):
        graph.admit(x)
    wrong = graph.clone().to("meta")
    wrong.edge_weight = wrong.edge_weight[1:]
    with pytest.raises(ValueError, match=r"'edge_weight' must have shape \[10\]"):
        wrong.admit(x)


def test_a_graph_without_nodes_is_named():
    with pytest.raises(ValueError, match="'graph' must be a ContrastGraph with 'sample'"):
        ContrastGraph().admit()
