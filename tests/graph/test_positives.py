from itertools import permutations

import pytest
import torch
import torch_geometric.transforms as T
from contracts.discovery import cases, check_has_test_class, public
from contracts.loss import relative, value_and_gradients
from contracts.rewiring import RewiringContract, batch, shared_queue
from hypothesis import given, settings
from hypothesis import strategies as st
from literal_nt_xent import edges_of, literal_nt_xent

from gnnclr.graph import AddKNNPositives, augmentation_graph
from gnnclr.graph.feature_bank import banks_of
from gnnclr.graph.pairs import is_among
from gnnclr.graph.positives import first_per_target, is_positive, top_per_target
from gnnclr.graph.rewiring.false_negatives import WeighFalseNegatives
from gnnclr.graph.rewiring.random_walk import RandomWalkPositives
from gnnclr.losses import NTXentLoss

KINDS = [kind for room in ("graph", "graph.communities") for kind in public(room, T.BaseTransform)]


def is_rewiring(kind):
    """Whether it is more than a base of others."""
    return kind.forward is not T.BaseTransform.forward


CASES = {case.__name__.removeprefix("Test"): case for case in cases("graph", RewiringContract) if case.composes}
WITH_BANKS = [name for name, case in CASES.items() if banks_of(case().make())]


@pytest.mark.parametrize("kind", [*filter(is_rewiring, KINDS)], ids=lambda kind: kind.__name__)
def test_every_rewiring_has_a_test_class(kind):
    check_has_test_class(kind, "graph", RewiringContract, "make")


def repelling(graph):
    """Who repels whom, and the log-weights, read out of a graph pair by pair [anchor, candidate]."""
    n, rule = graph.num_nodes, graph.negatives
    repels = torch.zeros(n, graph.num_candidates, dtype=torch.bool)
    repels[:, :n] = graph.group[:, None] != graph.group
    if graph.bank is not None and rule.bank:
        repels[:, n:] = True if graph.bank.candidate is None else graph.bank.candidate
    for p, i in edges_of(graph):
        repels[i, p] = False
        if p < n:
            repels[p, i] = False
    if graph.ignore_index is not None:
        repels[graph.ignore_index[1], graph.ignore_index[0]] = False
    weight = torch.zeros(repels.shape, dtype=torch.float64)
    if rule.log_weight is not None:
        a, b = (x.double() for x in rule.log_weight)
        weight[:, : b.size(0)] = a @ b.t()
    return repels & (weight > -500), weight


def check(names, repels):
    parts = [CASES[name]() for name in names]
    graph = batch(shared_queue().features if repels else None)
    out = T.Compose([part.make() for part in parts])(graph)
    assert out.validate() and bool((out.edge_index[0] != out.edge_index[1]).all())
    assert graph.edge_weight is None and "ignore_index" not in graph and graph.negatives.log_weight is None
    edges, (pairs, weight) = edges_of(out), repelling(out)
    had = set(graph.edge_index[1].tolist())
    if all(part.keeps_anchors for part in parts):
        assert set(out.edge_index[1].tolist()) == had  # no anchor drops out
    value, grad = value_and_gradients(lambda x: NTXentLoss(0.4)(x, out), [out.x])
    if any(part.weighs for part in parts):
        target, source = pairs.nonzero().t()
        explicit = out.clone()
        explicit.negative_index = torch.stack([source, target])
        want, want_grad = value_and_gradients(lambda x: NTXentLoss(0.4)(x, explicit), [out.x])
    else:
        assert bool((weight[pairs] == 0).all())
        bank = None if out.bank is None else out.bank.rows
        want, want_grad = value_and_gradients(lambda x: literal_nt_xent(x, edges, pairs, 0.4, bank), [out.x])
    assert torch.isfinite(value) and float(grad.norm()) > 0
    assert relative(value, want) < 1e-9 and relative(grad, want_grad) < 1e-8


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.permutations(sorted(CASES)), st.integers(1, 6), st.booleans(), st.integers(0, 99))
def test_compose_in_any_order(names, count, repels, seed):
    torch.manual_seed(seed)
    check(names[:count], repels)


@pytest.mark.parametrize("names", list(permutations(WITH_BANKS)))
@pytest.mark.parametrize("repels", [False, True])
def test_banks_in_any_order(names, repels):
    check(names, repels)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=20), st.integers(1, 4))
def test_largest_of_each_target(pairs, k):
    target = torch.tensor([t for t, _ in pairs], dtype=torch.long)
    score = torch.tensor([float(s) for _, s in pairs])
    keep = top_per_target(score, target, k).tolist()
    for t in range(6):
        of_t = [i for i, pair in enumerate(pairs) if pair[0] == t]
        assert [i for i in of_t if keep[i]] == sorted(sorted(of_t, key=lambda i: -pairs[i][1])[:k])
    order = torch.argsort(target, stable=True)
    first = first_per_target(target[order], k).tolist()
    for t in range(6):
        assert [i for i in order.tolist() if target[i] == t][:k] == [
            i for i, kept in zip(order.tolist(), first) if kept and target[i] == t
        ]


def test_positives_have_a_direction():
    graph = batch()
    graph.edge_index = torch.tensor([[1, 12], [0, 0]])
    assert is_positive(graph, torch.tensor([[1, 0, 12, 2], [0, 1, 0, 1]])).tolist() == [True, False, True, False]


def test_implicit_positives_become_edges():
    views, labels = [torch.randn(6, 3) for _ in range(2)], torch.tensor([0, 0, 1, 1, 2, 3])
    implicit = AddKNNPositives(2)(augmentation_graph(views, labels, edges=False))
    explicit = AddKNNPositives(2)(augmentation_graph(views, labels))
    assert torch.equal(implicit.edge_index, explicit.edge_index)


@pytest.mark.parametrize("positives", [AddKNNPositives(2), T.Compose([AddKNNPositives(1), RandomWalkPositives(2)])])
def test_new_positives_are_extra_negatives_no_longer(positives):
    torch.manual_seed(0)
    graph = augmentation_graph([torch.randn(6, 3) for _ in range(2)])
    graph = positives(WeighFalseNegatives(k=3, weight=0.5)(graph))
    both = torch.cat([graph.edge_index, graph.edge_index.flip(0)], dim=1)
    assert graph.extra.index.size(1) == graph.extra.log_weight.numel() > 0
    assert not is_among(graph.extra.index, both, graph.num_nodes).any()


def test_weights_of_half_graphs_keep_their_digits():
    views = [torch.randn(6, 3).bfloat16() for _ in range(2)]
    graph = AddKNNPositives(3)(augmentation_graph(views))
    assert graph.edge_weight.dtype == torch.float32
    torch.testing.assert_close(graph.edge_weight[-1], torch.tensor(0.5 / 3))
