"""Each rule against a literal loss over all pairs, in float64."""

import math
import pickle

import pytest
import torch
import torch_geometric.transforms as T
from contracts.loss import make_views, relative, unit, value_and_gradients
from contracts.rewiring import RewiringContract

from gnnclr.graph import AddKNNPositives, Bank, ContrastGraph, Negatives, augmentation_graph
from gnnclr.graph.communities import (
    ContrastCentroids,
    ExcludeCommunity,
    SoftCommunity,
    WeighCentroids,
    WeighCommunity,
    co_association,
)
from gnnclr.losses import NTXentLoss


class TestExcludeCommunity(RewiringContract):
    def make(self):
        return ExcludeCommunity(torch.tensor([0, 1, 0, 1, 2, 2, 2, 1, 0]))


class TestWeighCommunity(RewiringContract):
    weighs = True

    def make(self):
        return WeighCommunity(torch.tensor([0, 0, 0, 1, 1, 2, 2, 1, 0]), 0.5)


class TestSoftCommunity(RewiringContract):
    weighs = True

    def make(self):
        return SoftCommunity(torch.nn.functional.one_hot(torch.tensor([0, 1, 0, 1, 2, 2, 2, 1, 0])).double(), 0.5)


class TestWeighCentroids(RewiringContract):
    weighs = True

    def make(self):
        return WeighCentroids(torch.tensor([0, 1, 0, 1, 2, 2, 2, 1, 0]), 0.5)


class TestContrastCentroids(RewiringContract):
    composes = False  # centroids repel in place of nodes

    def make(self):
        return ContrastCentroids(torch.tensor([0, 1, 0, 1, 2, 2, 2, 1, 0]))


COMMUNITY = torch.tensor([3, 0, 3, 7, 0, 0, 5, 3])
OTHER = torch.tensor([0, 0, 1, 1, 2, 2, 0, 1])
N = COMMUNITY.numel()


def batch(d=6, views=2, seed=0):
    return [view.double() for view in make_views(N, d, views, seed=seed)]


def literal(x, weight, positives, temperature, bank=None):
    """The loss of positives {(anchor, candidate): weight} against weighted candidates [anchor, candidate], in loops."""
    z = unit(x)
    nodes = z if bank is None else torch.cat([z, unit(bank)])
    share, total = torch.zeros(len(z), dtype=torch.float64), []
    for (i, _), w in positives.items():
        share[i] += w
    for (i, p), w in positives.items():
        ratios = ((nodes @ z[i] - nodes[p] @ z[i]) / temperature).exp()
        total.append(torch.log1p((weight[i] * ratios)[weight[i] > 0].sum()) * w / share[i])
    return sum(total) / (share > 0).sum()


def view_pairs(views=2):
    n = views * N
    return {(i, j): 1.0 for i in range(n) for j in range(n) if i != j and i % N == j % N}


def weights(function, views=2, columns=0):
    """The weight of each pair by a function of two samples; views of a sample are no negatives."""
    w = torch.zeros(N, N, dtype=torch.float64)
    for i in range(N):
        for j in range(N):
            w[i, j] = function(i, j) if i != j else 0
    return torch.nn.functional.pad(w.repeat(views, views), (0, columns))


def same(i, j):
    return COMMUNITY[i] == COMMUNITY[j]


def centroids(x, community=COMMUNITY):
    community = community.repeat(len(x) // N)
    return torch.stack([x[community == c].mean(0) for c in community.unique()])


def distance(x, i, j):
    c, label = centroids(x), torch.unique(COMMUNITY, return_inverse=True)[1]
    return (c[label[i]] - c[label[j]]).square().sum()


def columns():
    return co_association([COMMUNITY, OTHER]).double()


def check(graph, expected, temperature=0.3, tolerance=1e-10):
    graph.validate()
    want, want_grad = value_and_gradients(expected, [graph.x])
    for impl in ("auto", "dense"):
        loss = NTXentLoss(temperature, impl=impl)
        value, grad = value_and_gradients(lambda x, loss=loss: loss(x, graph), [graph.x])
        assert relative(value, want) < tolerance and float((grad - want_grad).norm()) < tolerance


@pytest.mark.parametrize("views", [2, 3])
@pytest.mark.parametrize("edges", [True, False])
def test_exclude_community(views, edges):
    graph = ExcludeCommunity(COMMUNITY)(augmentation_graph(batch(views=views), edges=edges))
    w = weights(lambda i, j: not same(i, j), views)
    check(graph, lambda x: literal(x, w, view_pairs(views), 0.3))


@pytest.mark.parametrize("d", [1, 6])  # four centroids, in fewer and in more dimensions
@pytest.mark.parametrize("scope", ["all", "other", "same"])
@pytest.mark.parametrize("rule", ["weigh", "hard", "centroids", "features", "soft"])
def test_weights(rule, scope, d):
    views = batch(d)
    x = torch.cat(views)
    features = torch.randn(N, d, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    transform, function = {
        "weigh": (WeighCommunity(COMMUNITY, 0.2), lambda i, j: 0.2 if same(i, j) else 1),
        "hard": (WeighCommunity(COMMUNITY, 3.0), lambda i, j: 3 if same(i, j) else 1),
        "centroids": (WeighCentroids(COMMUNITY, 0.1), lambda i, j: math.exp(-0.1 * distance(x, i, j))),
        "features": (WeighCentroids(COMMUNITY, 2.0, features), lambda i, j: math.exp(-2 * distance(features, i, j))),
        "soft": (SoftCommunity(columns(), 0.1), lambda i, j: 0.1 ** float(columns()[i] @ columns()[j])),
    }[rule]
    graph = transform(augmentation_graph(views, negatives=Negatives(scope=scope)))
    w = weights(function)
    inside = (graph.view[:, None] == graph.view) if scope != "other" else (graph.view[:, None] != graph.view)
    w = w if scope == "all" else w * inside
    check(graph, lambda x: literal(x, w, view_pairs(), 0.3), tolerance=1e-7 if rule == "soft" else 1e-10)
    assert graph.negatives.symmetric_weight and graph.negatives.scope == scope


@pytest.mark.parametrize("impl", ["auto", "flash", "tiles"])
@pytest.mark.parametrize("temperature", [0.5, 0.02])
def test_more_nodes_than_a_tile(temperature, impl):
    n, generator = 300, torch.Generator().manual_seed(0)
    a, b = torch.randint(0, 9, (n,), generator=generator), torch.randint(0, 5, (n,), generator=generator)
    views = [view.double() for view in make_views(n, 8)]
    transform = T.Compose([ExcludeCommunity(a), WeighCommunity(b, 0.2), WeighCentroids(b, 0.3)])
    graph = transform(augmentation_graph(views))

    def dense(x):
        z, group, label = unit(x), a.repeat(2), b.repeat(2)
        center = torch.stack([x.detach()[label == c].mean(0) for c in range(5)])
        weight = (
            0.2 ** (label[:, None] == label).double() * (-0.3 * torch.cdist(center, center)[label][:, label] ** 2).exp()
        )
        s = z @ z.t() / temperature
        negative = (s + weight.log()).masked_fill(group[:, None] == group, -math.inf).logsumexp(1)
        return torch.nn.functional.softplus(negative - s.roll(n, 1).diagonal()).mean()

    value, grad = value_and_gradients(lambda x: NTXentLoss(temperature, impl=impl)(x, graph), [graph.x])
    want, want_grad = value_and_gradients(dense, [graph.x])
    assert relative(value, want) < 1e-10 and relative(grad, want_grad) < 1e-9


def test_soft_weights_of_a_certain_community_are_those_of_the_community():
    views = batch()
    soft = SoftCommunity(co_association([COMMUNITY]), 0.2)(augmentation_graph(views))
    hard = WeighCommunity(COMMUNITY, 0.2)(augmentation_graph(views))
    x = torch.cat(views)
    torch.testing.assert_close(NTXentLoss(0.3)(x, soft), NTXentLoss(0.3)(x, hard))


def test_rules_compose():
    views = batch()
    x, bank = torch.cat(views), torch.randn(5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    a = torch.randn(2 * N, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    b = a.flip(1) / 2
    rule = Negatives(log_weight=(a, b), symmetric_weight=False)
    transform = T.Compose(
        [WeighCommunity(OTHER, 0.4), ExcludeCommunity(COMMUNITY), WeighCentroids(OTHER, 0.5), AddKNNPositives(2, 0.6)]
    )
    graph = transform(augmentation_graph(views, negatives=rule, bank=bank))
    assert not graph.negatives.symmetric_weight
    c = centroids(x, OTHER)
    w = weights(
        lambda i, j: (
            (0.4 if OTHER[i] == OTHER[j] else 1)
            * (not same(i, j))
            * (-0.5 * (c[OTHER[i]] - c[OTHER[j]]).square().sum()).exp()
        ),
        columns=5,
    )
    w[:, : 2 * N] *= (a @ b.t()).exp()
    w[:, 2 * N :] = 1
    positives, z = view_pairs(), unit(x)
    for i in range(2 * N):
        others = sorted((j for j in range(2 * N) if j % N != i % N), key=lambda j: -float(z[i] @ z[j]))[:2]
        for j in others:
            positives[i, j] = 0.3
    for i, j in positives:
        w[i, j] = w[j, i] = 0
    check(graph, lambda x: literal(x, w, positives, 0.3, bank))


def test_weights_of_bank_rows_are_kept():
    views, bank = batch(), torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    a = torch.ones(2 * N, 1, dtype=torch.float64)
    b = math.log(0.25) * torch.cat([torch.zeros(2 * N, 1), torch.ones(3, 1)]).double()
    graph = augmentation_graph(views, bank=bank, negatives=Negatives(log_weight=(a, b)))
    graph = WeighCommunity(COMMUNITY, 0.2)(graph)
    w = weights(lambda i, j: 0.2 if same(i, j) else 1, columns=3)
    w[:, 2 * N :] = 0.25
    check(graph, lambda x: literal(x, w, view_pairs(), 0.3, bank))


@pytest.mark.parametrize("weight", [0.0, 0.7])
@pytest.mark.parametrize("gamma", [0.0, 0.1])
@pytest.mark.parametrize("with_bank", [False, True])
def test_contrast_centroids(weight, gamma, with_bank):
    views = batch()
    x = torch.cat(views)
    old = torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) if with_bank else None
    graph = ContrastCentroids(COMMUNITY, weight, gamma)(augmentation_graph(views, bank=old))
    c, label = centroids(x), torch.unique(COMMUNITY, return_inverse=True)[1].repeat(2)
    bank, m = (c, 0) if old is None else (torch.cat([old, c]), 3)
    w = torch.zeros(2 * N, 2 * N + len(bank), dtype=torch.float64)
    w[:, 2 * N : 2 * N + m] = 1
    positives = view_pairs()
    for i in range(2 * N):
        for k in range(len(c)):
            w[i, 2 * N + m + k] = (-gamma * (c[label[i]] - c[k]).square().sum()).exp() if k != label[i] else 0
        positives[i, 2 * N + m + int(label[i])] = weight
    check(graph, lambda x: literal(x, w, positives, 0.3, bank))


def test_centroids_of_weighted_banks():
    views, bank = batch(), torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    a, b = torch.ones(2 * N, 1).double(), math.log(0.25) * torch.ones(2 * N + 3, 1).double()
    graph = augmentation_graph(views, bank=bank, negatives=Negatives(log_weight=(a, b)))
    graph = ContrastCentroids(COMMUNITY)(graph)
    c, label = centroids(torch.cat(views)), torch.unique(COMMUNITY, return_inverse=True)[1].repeat(2)
    w = torch.zeros(2 * N, 2 * N + 7, dtype=torch.float64)
    w[:, 2 * N : 2 * N + 3] = 0.25
    w[:, 2 * N + 3 :] = label[:, None] != torch.arange(4)
    check(graph, lambda x: literal(x, w, view_pairs(), 0.3, torch.cat([bank, c])))


def test_distances_of_many_and_far_centroids():
    """More communities than columns, far from the origin: the expansion of squares must not cancel."""
    generator = torch.Generator().manual_seed(0)
    community, x = torch.arange(40), 100 + torch.randn(40, 3, generator=generator)
    graph = WeighCentroids(community, 0.5)(augmentation_graph([x, x]))
    a, b = graph.negatives.log_weight
    assert a.shape == (80, 5)
    expected = -0.5 * torch.cdist(x.double(), x.double()).square().repeat(2, 2)
    torch.testing.assert_close((a @ b.t()).double(), expected, rtol=1e-5, atol=1e-4)


def test_group_of_positives_may_be_the_community():
    """An edge between nodes of one group stays a positive, and the whole group stays out of the negatives."""
    views = batch()
    graph = augmentation_graph(views, COMMUNITY)  # labels as positives
    before = graph.edge_index
    graph = ExcludeCommunity(COMMUNITY)(graph)
    assert torch.equal(graph.edge_index, before)
    x = torch.cat(views)
    torch.testing.assert_close(NTXentLoss(0.3)(x, graph), NTXentLoss(0.3)(x, augmentation_graph(views, COMMUNITY)))
    # Labels that cross the communities stay positives, and no negatives: as edges they are excluded one by one.
    graph = ExcludeCommunity(COMMUNITY)(augmentation_graph(views, OTHER))
    w = weights(lambda i, j: COMMUNITY[i] != COMMUNITY[j] and OTHER[i] != OTHER[j])
    positives = {(i, j): 1.0 for i in range(16) for j in range(16) if i != j and OTHER[i % N] == OTHER[j % N]}
    check(graph, lambda x: literal(x, w, positives, 0.3))


@pytest.mark.parametrize("exclude", ["self", "sample", "group", "positives"])
def test_exclude_community_under_every_rule(exclude):
    graph = augmentation_graph(batch(), negatives=Negatives(exclude=exclude))
    graph = ExcludeCommunity(COMMUNITY)(graph)
    check(graph, lambda x: literal(x, weights(lambda i, j: not same(i, j)), view_pairs(), 0.3))


def test_exclusions_that_do_not_fit_together():
    graph = ExcludeCommunity(COMMUNITY)(augmentation_graph(batch()))
    assert torch.equal(ExcludeCommunity(COMMUNITY * 2)(graph).group, graph.group * 2)
    coarser = ExcludeCommunity((COMMUNITY > 3).long())(graph)
    assert coarser.group.unique().numel() == 2
    with pytest.raises(ValueError, match=r"'data\.group' must lie within the communities, as \d+ pairs"):
        ExcludeCommunity(OTHER)(graph)
    grouped = AddKNNPositives(2)(augmentation_graph(batch(), OTHER, negatives=Negatives(exclude="group")))
    with pytest.raises(ValueError, match=r"'data\.group' must lie within the communities, as \d+ pairs"):
        ExcludeCommunity(COMMUNITY)(grouped)  # edges between communities do not keep their ends from the negatives


@pytest.mark.parametrize("exclude", ["self", "sample", "group"])
def test_positives_that_are_negatives_too_stay_there(exclude):
    graph = AddKNNPositives(2)(augmentation_graph(batch(), negatives=Negatives(exclude=exclude)))
    positives = {(i, p): float(w) for (p, i), w in zip(graph.edge_index.t().tolist(), graph.edge_weight)}
    assert any(not same(i % N, p % N) for i, p in positives)
    graph = ExcludeCommunity(COMMUNITY)(graph)
    check(graph, lambda x: literal(x, weights(lambda i, j: not same(i, j)), positives, 0.3))


def test_centroids_join_a_bank_some_of_whose_rows_repel():
    bank = torch.randn(3, 6, generator=torch.Generator().manual_seed(1)).double()
    graph = augmentation_graph(batch(), bank=Bank(bank, candidate=torch.tensor([True, False, True])))
    joined = ContrastCentroids(COMMUNITY)(graph)
    fewer = ContrastCentroids(COMMUNITY)(augmentation_graph(batch(), bank=bank[[0, 2]]))
    assert joined.validate() and joined.bank.candidate.tolist() == [True, False, True] + [True] * (len(fewer.bank) - 2)
    torch.testing.assert_close(NTXentLoss(0.3)(graph.x, joined), NTXentLoss(0.3)(graph.x, fewer))


def test_explicit_negatives_lose_their_community():
    graph = augmentation_graph(batch())
    source, target = torch.cartesian_prod(torch.arange(16), torch.arange(16)).t()
    different = source % N != target % N
    graph.negative_index = torch.stack([source, target])[:, different]
    graph = ExcludeCommunity(COMMUNITY)(graph)
    check(graph, lambda x: literal(x, weights(lambda i, j: not same(i, j)), view_pairs(), 0.3))
    for transform in (WeighCommunity(COMMUNITY), ContrastCentroids(COMMUNITY)):
        with pytest.raises(ValueError, match=r"'data\.negative_index' must be absent"):
            transform(graph)


@pytest.mark.parametrize(
    "make",
    [ExcludeCommunity, WeighCommunity, WeighCentroids, ContrastCentroids],
)
def test_refresh_and_mini_batches(make):
    """A rule for all samples, on a batch of some, equals the rule of those; and it takes new communities."""
    index, views = torch.tensor([4, 0, 7, 2]), batch()
    part = augmentation_graph([view[index] for view in views])
    part.sample_id = index.repeat(2)
    rule = make(OTHER)
    first = rule(part.clone())
    assert rule.refresh(COMMUNITY) is rule
    graph = rule(part.clone())
    expected = make(COMMUNITY[index])(augmentation_graph([view[index] for view in views]))
    loss = NTXentLoss(0.3)
    torch.testing.assert_close(loss(part.x, graph), loss(part.x, expected), rtol=1e-14, atol=0)
    assert not torch.isclose(loss(part.x, graph), loss(part.x, first))


def test_soft_refresh_and_mini_batches():
    index = torch.tensor([4, 0, 7, 2])
    graph = augmentation_graph([view[index] for view in batch()])
    graph.sample_id = index.repeat(2)
    rule = SoftCommunity(columns()[:, :1])
    assert rule.refresh(columns()) is rule
    a, b = rule(graph).negatives.log_weight
    torch.testing.assert_close(b, columns()[index].repeat(2, 1))
    torch.testing.assert_close(a, math.log(0.5) * b)


def test_rules_leave_the_graph_they_are_given():
    graph = augmentation_graph(batch())
    for rule in (ExcludeCommunity(COMMUNITY), WeighCommunity(COMMUNITY), ContrastCentroids(COMMUNITY)):
        rule(graph)
    assert graph.group is graph.sample and graph.negatives.log_weight is None and graph.bank is None
    assert graph.edge_index.size(1) == 16


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_embeddings(dtype):
    views = [view.to(dtype) for view in batch()]
    transform = T.Compose([WeighCommunity(COMMUNITY, 0.2), WeighCentroids(COMMUNITY, 0.1)])
    graph = transform(augmentation_graph(views))
    assert graph.negatives.log_weight[0].dtype == torch.float32
    expected = transform(augmentation_graph([view.float() for view in views]))
    torch.testing.assert_close(NTXentLoss(0.3)(graph.x, graph), NTXentLoss(0.3)(expected.x, expected))


def test_no_change():
    graph = augmentation_graph(batch())
    assert WeighCommunity(COMMUNITY, 1.0)(graph).negatives.log_weight is None
    assert SoftCommunity(columns(), 1.0)(graph).negatives.log_weight is None
    alone = torch.arange(N)
    x, loss = graph.x, NTXentLoss(0.3)
    for rule in (ExcludeCommunity(alone), WeighCommunity(alone, 0.1)):
        torch.testing.assert_close(loss(x, rule(graph)), loss(x, graph))


@pytest.mark.parametrize("n", [0, 1])
def test_tiny_batches(n):
    views = [torch.randn(n, 3) for _ in range(2)]
    one = torch.zeros(n, dtype=torch.long)
    rules = [ExcludeCommunity(one), WeighCommunity(one), WeighCentroids(one), ContrastCentroids(one)]
    for rule in (*rules, SoftCommunity(torch.ones(n, 1)), T.Compose(rules)):
        graph = rule(augmentation_graph(views))
        assert graph.validate() and NTXentLoss(0.3)(torch.cat(views), graph) == 0


def test_one_community_leaves_no_negatives():
    graph = ExcludeCommunity(torch.zeros(N, dtype=torch.long))(augmentation_graph(batch()))
    assert NTXentLoss(0.3)(graph.x, graph) == 0


def test_repr_and_pickle():
    assert repr(ExcludeCommunity(COMMUNITY)) == "ExcludeCommunity(communities=4)"
    assert repr(WeighCommunity(COMMUNITY, 0.2)) == "WeighCommunity(communities=4, rho=0.2)"
    assert repr(WeighCentroids(COMMUNITY)) == "WeighCentroids(communities=4, gamma=1)"
    assert repr(ContrastCentroids(COMMUNITY)) == "ContrastCentroids(communities=4, weight=0, gamma=0)"
    assert repr(SoftCommunity(columns())) == "SoftCommunity(rank=7, rho=0.5)"
    twin = pickle.loads(pickle.dumps(WeighCommunity(COMMUNITY, 0.2)))
    assert torch.equal(twin.community, COMMUNITY) and twin.rho == 0.2


def nan(*shape):
    return torch.full(shape, float("nan"))


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda g: ExcludeCommunity(COMMUNITY.float()), r"'community' must be an integer tensor of shape \[n\]"),
        (lambda g: ExcludeCommunity(COMMUNITY.tolist()), "'community' must be an integer tensor"),
        (lambda g: WeighCommunity(COMMUNITY - 1), r"'community' must not be negative \(got -1\)"),
        (lambda g: WeighCommunity(COMMUNITY, 0.0), "'rho' must be a positive number"),
        (lambda g: WeighCommunity(COMMUNITY, float("nan")), "'rho' must be a positive number"),
        (lambda g: WeighCentroids(COMMUNITY, 0), "'gamma' must be a positive number"),
        (lambda g: WeighCentroids(COMMUNITY, features=torch.ones(3, 2)), r"'features' must have shape \[8, d\]"),
        (lambda g: WeighCentroids(COMMUNITY, features=nan(8, 2)), "'features' must be finite"),
        (lambda g: SoftCommunity(nan(8, 2)), "'columns' must be finite"),
        (lambda g: SoftCommunity(COMMUNITY), "'columns' must be a floating point tensor"),
        (lambda g: ContrastCentroids(COMMUNITY, weight=-1), "'weight' must be a positive number"),
        (lambda g: ExcludeCommunity(COMMUNITY[:3])(g), "'community' must have a row for each of the 8 samples"),
        (lambda g: WeighCommunity(torch.arange(9))(g), "'community' must have a row for each of the 8 samples"),
        (lambda g: SoftCommunity(torch.ones(3, 2))(g), "'columns' must have a row for each of the 8 samples"),
        (lambda g: ExcludeCommunity(COMMUNITY)(g.x), "'data' must be a ContrastGraph"),
        (lambda g: ExcludeCommunity(COMMUNITY)(ContrastGraph()), "'data' must be a ContrastGraph with nodes"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(augmentation_graph(batch()))


def test_wrong_graphs():
    graph = augmentation_graph(batch())
    graph.sample_id = torch.arange(16) - 1
    with pytest.raises(ValueError, match=r"'data\.sample_id' must index the 8 rows of 'community' \(got -1 to 14\)"):
        ExcludeCommunity(COMMUNITY)(graph)
    graph = augmentation_graph(batch())
    graph.x[2, 1] = float("nan")
    with pytest.raises(ValueError, match=r"'data\.x' must be finite \(got 1 NaN"):
        WeighCentroids(COMMUNITY)(graph)
    graph.x = None
    with pytest.raises(ValueError, match="'data' must have embeddings 'x'"):
        ContrastCentroids(COMMUNITY)(graph)
    graph = augmentation_graph(batch(), bank=torch.ones(1, 6).double(), negatives=Negatives(bank=False))
    with pytest.raises(ValueError, match=r"'data\.bank' must be absent or repel"):
        ContrastCentroids(COMMUNITY)(graph)
    graph = augmentation_graph(batch(), bank=torch.ones(1, 6).double())
    graph.bank = Bank(graph.bank.rows, view=torch.zeros(1, dtype=torch.long))
    with pytest.raises(ValueError, match=r"'data\.bank\.view' must be absent"):
        ContrastCentroids(COMMUNITY)(graph)
