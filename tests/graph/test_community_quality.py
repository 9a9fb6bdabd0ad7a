import itertools
import math

import pytest
import torch
import torch_geometric.transforms as T
from contracts.loss import make_views

from gnnclr.graph import (
    AddKNNPositives,
    AddNeighborPositives,
    DropFalseNegatives,
    ExtraNegatives,
    Negatives,
    WeighFalseNegatives,
    augmentation_graph,
)
from gnnclr.graph.communities import (
    ContrastCentroids,
    ExcludeCommunity,
    NegativeQuality,
    SoftCommunity,
    WeighCentroids,
    WeighCommunity,
    co_association,
    modularity,
    negative_quality,
)

COMMUNITY = torch.tensor([3, 0, 3, 7, 0, 0, 5, 3, 3])
LABELS = torch.tensor([4, 4, 4, 1, 2, 2, 1, 4, 1])
UNKNOWN = torch.tensor([4, -1, 4, 1, 2, -1, 1, 4, -1])
N = COMMUNITY.numel()
EDGES = torch.tensor([[0, 1, 4, 8, 2], [3, 5, 2, 0, 7]])


def literal(graph, labels):
    """Precision, recall, rate left, rate before and share removed, pair by pair."""
    rule, n = graph.negatives, graph.num_nodes
    sample = graph.sample_id if "sample_id" in graph else graph.sample
    positive = set() if graph.edge_index is None else set(zip(*graph.edge_index.tolist()))
    explicit = None if graph.negative_index is None else list(zip(*graph.negative_index.tolist()))
    ignored = set() if graph.ignore_index is None else set(zip(*graph.ignore_index.tolist()))
    extra = {}
    if graph.extra is not None:
        log_weight = (
            torch.zeros(graph.extra.index.size(1)) if graph.extra.log_weight is None else graph.extra.log_weight
        )
        for pair, value in zip(zip(*graph.extra.index.tolist()), log_weight.double().exp().tolist()):
            extra[pair] = extra.get(pair, 0.0) + value
    every = same = left = left_same = 0.0
    for i, j in itertools.product(range(n), range(n)):
        same_view = bool(graph.view[i] == graph.view[j])
        if {"all": False, "same": not same_view, "other": same_view}[rule.scope] or graph.sample[i] == graph.sample[j]:
            continue
        if rule.candidates is not None and int(graph.view[j]) not in rule.candidates:
            continue
        if graph.anchor is not None and not graph.anchor[i]:
            continue
        if -1 in (labels[sample[i]], labels[sample[j]]):
            continue
        weight = 1.0
        if rule.log_weight is not None:
            weight = math.exp(rule.log_weight[0][i] @ rule.log_weight[1][j])
        if explicit is not None:
            weight *= explicit.count((j, i))
        else:
            if rule.exclude == "positives" and (
                graph.group[i] == graph.group[j] or (i, j) in positive or (j, i) in positive
            ):
                weight = 0.0
            if rule.exclude == "group" and graph.group[i] == graph.group[j]:
                weight = 0.0
        weight = 0.0 if (j, i) in ignored else weight
        weight += extra.get((j, i), 0.0)
        true = float(labels[sample[i]] == labels[sample[j]])
        every, same, left, left_same = every + 1, same + true, left + weight, left_same + weight * true
    ratio = lambda a, b: a / b if b else math.nan  # noqa: E731
    return [
        ratio(same - left_same, every - left), ratio(same - left_same, same), ratio(left_same, left),
        ratio(same, every), ratio(every - left, every),
    ]  # fmt: skip


def values(quality):
    return [
        quality.precision, quality.recall, quality.false_negative_rate, quality.base_rate, quality.removed
    ]  # fmt: skip


TRANSFORMS = {
    "plain": T.Compose([]),
    "exclude": ExcludeCommunity(COMMUNITY),
    "weigh": WeighCommunity(COMMUNITY, 0.2),
    "centroids": WeighCentroids(COMMUNITY, 0.1),
    "soft": SoftCommunity(co_association([COMMUNITY, LABELS // 2]), 0.1),
    "knn": AddKNNPositives(3),
    "neighbors": AddNeighborPositives(EDGES),
    "dropped": DropFalseNegatives(2),
    "weighed": WeighFalseNegatives(2, weight=0.3),
    "all": T.Compose([ExcludeCommunity(COMMUNITY), WeighCommunity(LABELS // 2, 0.3), AddKNNPositives(2)]),
    "all pairs": T.Compose([ExcludeCommunity(COMMUNITY), AddNeighborPositives(EDGES), WeighFalseNegatives(1)]),
}


@pytest.mark.parametrize("rule", ["all", "other", "same", "group", "sample", "self", "candidates", "anchor"])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_equals_a_literal_loop(name, rule):
    options = {
        "group": {"exclude": "group"}, "sample": {"exclude": "sample"}, "self": {"exclude": "self"},
        "candidates": {"candidates": (1,)}, "anchor": {},
    }  # fmt: skip
    negatives = Negatives(**options.get(rule, {"scope": rule}))
    graph = augmentation_graph([view.double() for view in make_views(N, 5, 3)], negatives=negatives)
    if rule == "anchor":
        graph.anchor = torch.arange(3 * N) % 4 != 1
    graph = TRANSFORMS[name](graph)
    for labels in (LABELS, UNKNOWN):
        quality = negative_quality(graph, labels)
        assert values(quality) == pytest.approx(literal(graph, labels), rel=1e-12, nan_ok=True)
        assert quality.modularity is None


def test_explicit_negatives_and_banks():
    graph = augmentation_graph(make_views(N, 5), bank=torch.randn(4, 5))
    graph.negative_index = torch.randint(0, 2 * N, (2, 60), generator=torch.Generator().manual_seed(0))
    graph.negative_index[0, :5] = 2 * N + 1
    assert values(negative_quality(graph, LABELS)) == pytest.approx(literal(graph, LABELS), rel=1e-12)
    graph.ignore_index = graph.negative_index[:, 20:40]
    assert values(negative_quality(graph, LABELS)) == pytest.approx(literal(graph, LABELS), rel=1e-12)
    weights = torch.randn(2, 2 * N, 3, generator=torch.Generator().manual_seed(1)).double()
    graph.negatives = Negatives(log_weight=(weights[0], weights[1]))
    graph.extra = ExtraNegatives(graph.negative_index[:, 30:], log_weight=torch.linspace(-1, 1, 30))
    assert values(negative_quality(graph, LABELS)) == pytest.approx(literal(graph, LABELS), rel=1e-12)
    twice = augmentation_graph(make_views(N, 5))
    twice.negative_index = torch.tensor([[1, 1, 2, 1], [0, 0, 0, 3]])  # labels 4, 4, 4 and 4, 1
    assert negative_quality(twice, LABELS).false_negative_rate == 3 / 4


def test_rules_are_judged_on_two_plain_views():
    names = ("exclude", "weigh", "soft", "neighbors")
    for rule in [*(TRANSFORMS[name] for name in names), T.Compose([TRANSFORMS[name] for name in names])]:
        graph = rule(augmentation_graph(make_views(N, 5)))
        assert values(negative_quality(rule, LABELS)) == pytest.approx(values(negative_quality(graph, LABELS)))
    features = torch.randn(N, 4)
    assert negative_quality(WeighCentroids(COMMUNITY, 1.0, features), LABELS).removed > 0
    with pytest.raises(ValueError, match="'data' must have embeddings 'x'"):
        negative_quality(WeighCentroids(COMMUNITY), LABELS)
    of_embeddings = negative_quality(WeighCentroids(COMMUNITY), LABELS, x=features)
    assert values(of_embeddings) == pytest.approx(
        values(negative_quality(WeighCentroids(COMMUNITY, 1.0, features), LABELS)), rel=1e-5
    )


def test_by_hand():
    """Labels 0011, communities 0001: of 12 ordered pairs 4 share a label, 6 share a community, 2 both."""
    labels, community = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 0, 1])
    edges = torch.tensor([[0, 1, 2], [1, 2, 3]])
    quality = negative_quality(ExcludeCommunity(community), labels, edge_index=edges)
    assert values(quality) == pytest.approx([2 / 6, 2 / 4, 2 / 6, 4 / 12, 6 / 12])
    assert quality.modularity == modularity(edges, community)
    half = negative_quality(WeighCommunity(community, 0.5), labels)
    assert values(half) == pytest.approx([1 / 3, 1 / 4, 3 / 9, 4 / 12, 3 / 12])
    best = negative_quality(ExcludeCommunity(labels), labels)
    assert values(best) == pytest.approx([1, 1, 0, 4 / 12, 4 / 12])
    assert str(quality).splitlines() == [
        "pairs removed           0.5000",
        "precision               0.3333",
        "recall                  0.5000",
        "false negatives before  0.3333",
        "false negatives left    0.3333",
        f"modularity             {quality.modularity:7.4f}",
    ]
    assert "modularity" not in str(half)
    assert negative_quality(TRANSFORMS["plain"](augmentation_graph([torch.zeros(4, 1)] * 2)), labels).removed == 0


def test_mini_batches():
    index = torch.tensor([4, 0, 7, 2])
    graph = augmentation_graph(make_views(4, 5))
    graph.sample_id = index.repeat(2)
    graph = ExcludeCommunity(COMMUNITY)(graph)
    assert values(negative_quality(graph, LABELS)) == pytest.approx(literal(graph, LABELS), rel=1e-12)


def test_many_nodes_in_linear_memory():
    """In tables of a hundred thousand nodes, and in tiles of thousands."""
    generator = torch.Generator().manual_seed(0)
    labels, community = torch.randint(0, 10, (2, 100_000), generator=generator)
    quality = negative_quality(ExcludeCommunity(community), labels)
    assert quality.precision == pytest.approx(0.1, abs=2e-3) and quality.recall == pytest.approx(0.1, abs=2e-3)
    labels, community = labels[:2000], community[:2000]
    quality = negative_quality(WeighCommunity(community, 0.3), labels)
    exclusion = negative_quality(ExcludeCommunity(community), labels)
    assert quality.precision == pytest.approx(exclusion.precision)
    assert quality.recall == pytest.approx(0.7 * exclusion.recall)


def test_nothing_to_compare():
    empty = negative_quality(augmentation_graph([torch.zeros(0, 2)] * 2), torch.empty(0, dtype=torch.long))
    assert all(map(math.isnan, values(empty)))
    graph = ContrastCentroids(COMMUNITY)(augmentation_graph(make_views(N, 5)))
    assert math.isnan(negative_quality(graph, LABELS).base_rate)  # the bank has no labels
    assert isinstance(empty, NegativeQuality)


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda g: negative_quality(g, LABELS + 0.5), "'labels' must hold whole numbers"),
        (lambda g: negative_quality(g, LABELS[:3]), "'labels' must have a row for each of the 9 samples"),
        (lambda g: negative_quality(g.x, LABELS), "'rule' must be a ContrastGraph or a rewiring"),
        (lambda g: negative_quality(ExcludeCommunity(COMMUNITY[:3]), LABELS), "'community' must have a row for each"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(augmentation_graph(make_views(N, 5)))
