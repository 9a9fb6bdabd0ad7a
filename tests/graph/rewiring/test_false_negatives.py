from dataclasses import replace

import pytest
import torch
import torch_geometric.transforms as T
from contracts.loss import explicit_graph
from contracts.rewiring import RewiringContract
from torch.nn.functional import normalize

from gnnclr.graph import Negatives, augmentation_graph
from gnnclr.graph.candidates import MOST, similar_candidates
from gnnclr.graph.rewiring.false_negatives import DropFalseNegatives, WeighFalseNegatives
from gnnclr.losses import DCLLoss, HardNegativeLoss, InfoNCELoss, NTXentLoss, RandomWalkLaplacianLoss, SupConLoss


class TestDropFalseNegatives(RewiringContract):
    def make(self):
        return DropFalseNegatives(2)


class TestWeighFalseNegatives(RewiringContract):
    composes = False  # pairs have weights of their own

    def make(self):
        return WeighFalseNegatives(2, weight=0.3)


def batch(n=8, d=5, views=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, d, generator=generator, dtype=torch.float64) for _ in range(views)]


def graph_of(n=8, bank=0, **kwargs):
    graph = augmentation_graph(batch(n), **kwargs)
    if bank:
        graph.bank = batch(bank, views=1, seed=3)[0]
    return graph


def literal_candidates(graph, k=None, threshold=None, features="x"):
    """The nearest candidates of each anchor, one by one, nearest first."""
    n, rule = graph.num_nodes, graph.negatives
    rows = graph[features]
    if graph.bank is not None and features == "x" and (rule.bank or graph.negative_index is not None):
        rows = torch.cat([rows, graph.bank.rows.to(rows)])
    s = normalize(rows, dim=1) @ normalize(rows, dim=1).t()
    listed = [graph.edge_index.t().tolist(), graph.edge_index.flip(0).t().tolist()]
    listed += [] if graph.ignore_index is None else [graph.ignore_index.t().tolist()]
    listed = {tuple(pair) for part in listed for pair in part}
    explicit = None if graph.negative_index is None else set(map(tuple, graph.negative_index.t().tolist()))
    s = s.tolist()
    pairs = []
    for i in range(n):
        if graph.anchor is not None and not graph.anchor[i]:
            continue
        found = []
        for j in range(len(rows)):
            if explicit is not None:
                allowed = (j, i) in explicit
            elif j >= n:
                allowed = graph.bank.candidate is None or bool(graph.bank.candidate[j - n])
                if graph.bank.view is not None and rule.scope != "all":
                    allowed = allowed and bool((graph.bank.view[j - n] == graph.view[i]) == (rule.scope == "same"))
            else:
                allowed = rule.candidates is None or int(graph.view[j]) in rule.candidates
                if rule.scope != "all":
                    allowed = allowed and bool((graph.view[j] == graph.view[i]) == (rule.scope == "same"))
            if j < n:
                alike = graph.sample[j] == graph.sample[i] or graph.group[j] == graph.group[i]
                allowed = allowed and not bool(alike)
            if allowed and (j, i) not in listed and (threshold is None or s[j][i] > threshold):
                found.append((-s[j][i], j))
        pairs += [(j, i) for _, j in sorted(found)[:k]]
    return pairs


RULES = {
    "all": Negatives(),
    "other": Negatives(scope="other"),
    "same": Negatives(scope="same"),
    "self": Negatives(exclude="self"),
    "candidates": Negatives(candidates=(1,)),
    "bank only": Negatives(candidates=()),
    "no bank": Negatives(bank=False),
}


@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize("parts", ["", "bank", "bank view", "anchor", "ignored", "bank mask anchor ignored knn"])
@pytest.mark.parametrize("rule", RULES)
def test_candidates_are_those_of_a_literal_search(rule, parts, explicit):
    graph = graph_of(bank=4 if "bank" in parts else 0)
    graph.negatives = RULES[rule]
    if "view" in parts:
        graph.bank = replace(graph.bank, view=torch.tensor([0, 1, 1, -1]))
    if "mask" in parts:
        graph.bank = replace(graph.bank, candidate=torch.tensor([True, False, True, True]))
    if "anchor" in parts:
        graph.anchor = torch.arange(16) % 3 != 0
    if "ignored" in parts:
        graph.ignore_index = torch.stack([torch.arange(60) % graph.num_candidates, torch.arange(60) % 16])
    if "knn" in parts:
        graph.edge_index = torch.cat([graph.edge_index, torch.tensor([[3, 17], [0, 4]])], dim=1)
    if explicit:
        graph = explicit_graph(graph)
        more = torch.cartesian_prod(torch.arange(16, graph.num_candidates), torch.arange(16)).t()
        graph.negative_index = torch.cat([graph.negative_index, more, more[:, :3]], dim=1)
        graph.negative_index = graph.negative_index[:, torch.randperm(graph.negative_index.size(1))]
    for k, threshold in ((3, None), (None, 0.2), (2, 0.4), (50, None)):
        found = similar_candidates(graph, k, threshold)
        assert [tuple(pair) for pair in found.t().tolist()] == literal_candidates(graph, k, threshold)


def test_the_tiles_of_a_large_batch_agree_with_a_small_one():
    generator = torch.Generator().manual_seed(0)
    graph = augmentation_graph([torch.randn(1100, 4, generator=generator, dtype=torch.float64) for _ in range(2)])
    found = similar_candidates(graph, 4, 0.9)
    z = normalize(graph.x, dim=1)
    s = (z @ z.t()).masked_fill(graph.sample[:, None] == graph.sample, -2)
    score, index = s.topk(4, dim=1)
    expected = [(j, i) for i in range(2200) for v, j in zip(score[i].tolist(), index[i].tolist()) if v > 0.9]
    assert [tuple(pair) for pair in found.t().tolist()] == expected and len(expected) > 100
    assert similar_candidates(graph, None, -2.0).size(1) == 2200 * MOST


def test_features_of_the_encoder():
    graph = graph_of(bank=3)
    graph.features = batch(16, 7, views=1, seed=9)[0]
    found = similar_candidates(graph, 3, features="features")
    assert [tuple(pair) for pair in found.t().tolist()] == literal_candidates(graph, 3, features="features")
    assert not torch.equal(found, similar_candidates(graph, 3))
    graph = DropFalseNegatives(k=3, features="features")(graph)
    assert torch.equal(graph.ignore_index, found)


def test_dropped_pairs_are_ignored():
    graph = graph_of()
    dropped = DropFalseNegatives(k=2)(graph)
    assert graph.ignore_index is None and dropped.ignore_index.size(1) == 32
    z, expected = normalize(graph.x, dim=1), 0.0
    lost = {tuple(pair) for pair in dropped.ignore_index.t().tolist()}
    for i in range(16):
        s = z @ z[i] / 0.2
        left = [j for j in range(16) if j % 8 != i % 8 and (j, i) not in lost]
        assert len(left) == 12
        own = s[(i + 8) % 16]
        expected = expected + (torch.logsumexp(torch.cat([s[left], own[None]]), 0) - own) / 16
    torch.testing.assert_close(NTXentLoss(0.2)(graph.x, dropped), expected)
    assert dropped.validate()


LOSSES = [NTXentLoss, DCLLoss, SupConLoss, RandomWalkLaplacianLoss, lambda tau: HardNegativeLoss(tau, 1.0, 0.1)]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("rule", ["plain", "bank", "weights", "explicit"])
def test_a_weight_of_one_changes_nothing(rule, loss):
    graph = graph_of(bank=3 if rule == "bank" else 0)
    if rule == "weights":
        a = torch.randn(16, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        graph.negatives = replace(graph.negatives, log_weight=(a, a.flip(1)))
    if rule == "explicit":
        graph = explicit_graph(graph)
        # One pair three times: it keeps its multiplicity.
        graph.negative_index = torch.cat([graph.negative_index, torch.tensor([[3, 3], [0, 0]])], dim=1)
    x = graph.x.clone().requires_grad_()
    value = loss(0.3)(x, graph)
    (grad,) = torch.autograd.grad(value, x)
    weighed = WeighFalseNegatives(k=8, weight=1.0)(graph)
    assert weighed.ignore_index.size(1) == 128
    twin = loss(0.3)(x, weighed)
    torch.testing.assert_close(twin, value, rtol=1e-12, atol=0)
    torch.testing.assert_close(torch.autograd.grad(twin, x)[0], grad, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("loss", LOSSES[:-1])  # the last counts negatives, also those of little weight
def test_a_small_weight_is_near_to_dropping(loss):
    graph = graph_of(bank=2)
    dropped = loss(0.3)(graph.x, DropFalseNegatives(k=3)(graph))
    errors = []
    for weight in (0.1, 1e-4, 1e-15):
        errors.append(abs(loss(0.3)(graph.x, WeighFalseNegatives(k=3, weight=weight)(graph)) - dropped))
    assert errors[0] > errors[1] > errors[2] and errors[2] < 1e-12 < errors[1]


def test_weights_are_those_of_a_literal_sum():
    graph = WeighFalseNegatives(k=2, threshold=0.5, weight=0.25)(graph_of())
    z, expected = normalize(graph.x, dim=1), 0.0
    likely = {tuple(pair) for pair in graph.extra.index.t().tolist()}
    assert 0 < len(likely) < 32 and likely == set(literal_candidates(graph_of(), 2, 0.5))
    for i in range(16):
        e = (z @ z[i] / 0.2).exp()
        own = e[(i + 8) % 16]
        rest = sum(e[j] * (0.25 if (j, i) in likely else 1.0) for j in range(16) if j % 8 != i % 8)
        expected = expected + torch.log1p(rest / own) / 16
    torch.testing.assert_close(NTXentLoss(0.2)(graph.x, graph), expected)


def test_nothing_found_changes_nothing():
    graph = graph_of()
    for transform in (DropFalseNegatives(k=0), DropFalseNegatives(threshold=0.9999), WeighFalseNegatives(k=0)):
        same = transform(graph)
        assert same.ignore_index is None and same.extra is None
    empty = DropFalseNegatives(k=2)(augmentation_graph([torch.zeros(0, 3)] * 2))
    assert empty.num_nodes == 0 and empty.ignore_index is None


def test_all_candidates_may_go():
    graph = DropFalseNegatives(k=50)(graph_of())
    assert graph.ignore_index.size(1) == 16 * 14
    assert NTXentLoss(0.2)(graph.x, graph) == 0


def test_twice_takes_the_next():
    graph = graph_of(bank=3)
    twice = DropFalseNegatives(k=3)(DropFalseNegatives(k=2)(graph))
    both = DropFalseNegatives(k=5)(graph)
    assert set(zip(*twice.ignore_index.tolist())) == set(zip(*both.ignore_index.tolist()))
    steps = T.Compose([DropFalseNegatives(k=1), WeighFalseNegatives(k=2, weight=0.5)])(graph)
    assert steps.ignore_index.size(1) == 48 and steps.extra.index.size(1) == 32
    more = WeighFalseNegatives(k=1, weight=0.2)(steps)
    assert more.extra.log_weight.exp().unique().tolist() == pytest.approx([0.2, 0.5])
    assert more.validate() and torch.isfinite(NTXentLoss(0.2)(more.x, more))


def test_one_way_loss_with_a_bank():
    query, key = batch()
    graph = InfoNCELoss().graph(query, key)
    graph.bank, graph.negatives = batch(12, views=1, seed=4)[0], Negatives(candidates=())
    dropped = DropFalseNegatives(k=3)(graph)
    assert (dropped.ignore_index[0] >= 16).all() and (dropped.ignore_index[1] < 8).all()
    z, rows, expected = normalize(graph.x, dim=1), normalize(graph.bank.rows, dim=1), 0.0
    for i in range(8):
        s = (rows @ z[i] / 0.1).sort().values[:-3]
        own = z[i] @ z[i + 8] / 0.1
        expected = expected + (torch.logaddexp(torch.logsumexp(s, 0), own) - own) / 8
    torch.testing.assert_close(InfoNCELoss(0.1)(graph.x, dropped), expected)


@pytest.mark.parametrize("transform", [DropFalseNegatives(k=2), WeighFalseNegatives(k=3, weight=0.3)])
def test_gradient(transform):
    graph = transform(augmentation_graph(batch(4, 3)))
    x = graph.x.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: NTXentLoss(0.3)(x, graph), x, fast_mode=True)
    single = transform(augmentation_graph([v.float() for v in batch(4, 3)]))
    torch.testing.assert_close(NTXentLoss(0.05)(single.x, single).double(), NTXentLoss(0.05)(graph.x, graph))


def test_permutation_of_samples():
    order = torch.randperm(8, generator=torch.Generator().manual_seed(2))
    transform = WeighFalseNegatives(k=2, threshold=0.1, weight=0.3)
    graph, twin = transform(graph_of()), transform(augmentation_graph([v[order] for v in batch()]))
    torch.testing.assert_close(NTXentLoss(0.1)(twin.x, twin), NTXentLoss(0.1)(graph.x, graph), rtol=1e-12, atol=0)


def test_wrong_arguments_and_repr():
    with pytest.raises(ValueError, match="'k' must be an integer, zero or more"):
        DropFalseNegatives(k=-1)
    with pytest.raises(ValueError, match="'k' or 'threshold' must be given"):
        DropFalseNegatives()
    with pytest.raises(ValueError, match="'threshold' must be a finite number or None"):
        DropFalseNegatives(threshold=float("nan"))
    with pytest.raises(ValueError, match="'weight' must be a positive number"):
        WeighFalseNegatives(k=2, weight=0.0)
    with pytest.raises(ValueError, match="'features' must be one of 'x', 'features'"):
        DropFalseNegatives(k=2, features="z")
    with pytest.raises(ValueError, match="'data' must be a ContrastGraph with 'features'"):
        DropFalseNegatives(k=2, features="features")(graph_of())
    assert str(DropFalseNegatives(5)) == "DropFalseNegatives(k=5)"
    text = "WeighFalseNegatives(threshold=0.8, features='features', weight=0.5)"
    assert str(WeighFalseNegatives(threshold=0.8, features="features")) == text
