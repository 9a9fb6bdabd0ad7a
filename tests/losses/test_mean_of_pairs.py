"""What the mean over positive pairs runs over, where anchors have unequal numbers of them."""

import distributed_workers
import pytest
import torch
from contracts.loss import make_views, relative, unit, value_and_gradients

from gnnclr.graph import augmentation_graph
from gnnclr.losses import (
    CommunityNTXentLoss,
    DCLLoss,
    GraphLoss,
    HardNegativeLoss,
    KernelInfoNCELoss,
    NTXentLoss,
    SupConLoss,
)
from gnnclr.nn import AlignmentConv, ContrastiveConv
from gnnclr.nn.attention import AttentionAlignmentConv

LABELS = torch.tensor([0, 0, 0, 0, 1, 1, 2, 3, 3])
TAU = 0.3


def nt_xent(s, positive, positives, negatives):
    return torch.log1p((s[negatives] - s[positive]).exp().sum())


def sup_con(s, positive, positives, negatives):
    return torch.logsumexp(s[positives + negatives], 0) - s[positive]


def dcl(s, positive, positives, negatives):
    return torch.logsumexp(s[negatives], 0) - s[positive]


def debiased(s, positive, positives, negatives):
    """The hard negative loss without concentration."""
    rest = (s[negatives].exp().mean() - 0.1 * s[positive].exp()) / 0.9
    rest = len(negatives) * torch.maximum(rest, torch.exp(torch.tensor(-1 / TAU)))
    return torch.log1p(rest * (-s[positive]).exp())


LOSSES = {
    "nt_xent": (NTXentLoss(TAU), nt_xent),
    "community": (CommunityNTXentLoss(TAU), nt_xent),
    "kernel": (KernelInfoNCELoss(2 * TAU), nt_xent),
    "sup_con": (SupConLoss(TAU), sup_con),
    "dcl": (DCLLoss(TAU), dcl),
    "hard_negative": (HardNegativeLoss(TAU, beta=0.0), debiased),
}


def over_pairs(name):
    kind, tau = type(LOSSES[name][0]), 2 * TAU if name == "kernel" else TAU
    return kind(tau, mean="pairs", **({"beta": 0.0} if name == "hard_negative" else {}))


def literal(term, x, graph, mean):
    """The mean of a term over positives, each with its weight in the graph."""
    s, group, total, mass = unit(x) @ unit(x).t() / TAU, graph.group.tolist(), 0.0, 0.0
    weights = torch.ones(graph.edge_index.size(1)) if graph.edge_weight is None else graph.edge_weight
    edges = dict(zip(map(tuple, graph.edge_index.t().tolist()), weights.tolist()))
    for i in range(len(x)):
        positives = [p for p in range(len(x)) if (p, i) in edges]
        if not positives or (graph.anchor is not None and not graph.anchor[i]):
            continue
        negatives = [j for j in range(len(x)) if group[j] != group[i]]
        share = sum(edges[p, i] for p in positives) if mean == "anchors" else 1
        for p in positives:
            weight = edges[p, i] / share
            total, mass = total + weight * term(s[i], p, positives, negatives), mass + weight
    return total / mass


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_equals_literal_loop(name, weighted):
    views = [view.double() for view in make_views(9)]
    graph = augmentation_graph(views, LABELS)
    if weighted:
        graph.edge_weight = 1.0 + torch.arange(graph.edge_index.size(1)) % 3
        graph.anchor = torch.arange(18) != 4
    loss, term = LOSSES[name]
    values = {}
    for mean, form in (("anchors", loss), ("pairs", over_pairs(name))):
        value, grad = value_and_gradients(lambda x, form=form: form(x, graph), [graph.x])
        expected, expected_grad = value_and_gradients(lambda x, mean=mean: literal(term, x, graph, mean), [graph.x])
        assert relative(value, expected) < 1e-12 and relative(grad, expected_grad) < 1e-10
        values[mean] = float(value)
    assert abs(values["anchors"] - values["pairs"]) > 1e-3


@pytest.mark.parametrize("name", LOSSES)
def test_implicit_positives_equal_edges(name):
    views = [view.double() for view in make_views(9)]
    loss = over_pairs(name)
    value, grad = value_and_gradients(lambda *v: loss(torch.cat(v), augmentation_graph(v, LABELS, edges=False)), views)
    expected, expected_grad = value_and_gradients(lambda *v: loss(torch.cat(v), augmentation_graph(v, LABELS)), views)
    assert relative(value, expected) < 1e-12 and relative(grad, expected_grad) < 1e-10


def test_views_alone_have_one_mean():
    views = make_views(9, views=3)
    for name in ("nt_xent", "sup_con", "dcl", "hard_negative", "kernel"):
        torch.testing.assert_close(over_pairs(name)(*views), LOSSES[name][0](*views))


def test_two_processes_give_the_gradient_of_one(gloo):
    data = [view.double() for view in make_views(9)]
    batches = list(zip(*(view.split((5, 4)) for view in data)))
    loss = SupConLoss(TAU, gather_distributed=True, mean="pairs")
    results = gloo(distributed_workers.loss_gradient, loss, batches, {"labels": list(LABELS.split((5, 4)))})
    torch.manual_seed(0)
    encoder = torch.nn.Linear(32, 6).double()
    expected = SupConLoss(TAU, mean="pairs")(*(encoder(view) for view in data), labels=LABELS)
    expected.backward()
    expected_grad = torch.cat([p.grad.flatten() for p in encoder.parameters()])
    for value, grad in results:
        torch.testing.assert_close(value, expected.detach(), rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(grad, expected_grad, rtol=1e-8, atol=1e-12)


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"'mean' must be one of 'anchors', 'pairs' \(got 'rows'\)"):
        NTXentLoss(mean="rows")


def test_a_loss_has_the_mean_of_its_layer():
    """By which it is gathered."""
    for alignment in (AlignmentConv(TAU, mean="pairs"), AttentionAlignmentConv(TAU, mean="pairs")):
        for conv in (alignment, ContrastiveConv(TAU, alignment)):
            assert GraphLoss(conv).mean == "pairs"
    assert GraphLoss(ContrastiveConv(TAU)).mean == "anchors"
