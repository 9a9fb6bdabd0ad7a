"""Ignored pairs and extra negatives, against literal loops."""

import math
from copy import copy
from dataclasses import replace

import pytest
import torch
from contracts.loss import explicit_graph, make_views, relative, unit

from gnnclr.graph import AddKNNPositives, Bank, ContrastGraph, ExtraNegatives, Negatives, augmentation_graph
from gnnclr.losses import DCLLoss, HardNegativeLoss, InfoNCELoss, NTXentLoss, SupConLoss
from gnnclr.nn import (
    AsymmetricConv,
    ContrastiveConv,
    GaussianUniformityConv,
    HardNegativeConv,
    PotentialConv,
    RandomWalkConv,
    TripletConv,
    UniformityConv,
    WeightedSum,
)
from gnnclr.ops.kernels import Gaussian, NegativePower

RULES = {
    "all": Negatives(),
    "other": Negatives(scope="other"),
    "same": Negatives(scope="same"),
    "self": Negatives(exclude="self"),
    "group": Negatives(exclude="group"),
    "candidates": Negatives(candidates=(1,)),
}


def exceptions(graph, ignored=30, extra=25, seed=0):
    """The graph with random exceptions: some pairs ignored, some extra, some both; some of no effect."""
    generator = torch.Generator().manual_seed(seed)
    n, m = graph.num_nodes, graph.num_candidates

    def pairs(count):
        ends = torch.rand(2, count, generator=generator, dtype=torch.float64) * torch.tensor([[m], [n]])
        return ends.long()

    graph.ignore_index = pairs(ignored)
    index = torch.cat([pairs(extra), graph.ignore_index[:, ::3]], dim=1)
    e = index.size(1)
    graph.extra = ExtraNegatives(
        index,
        scale=0.5 + torch.rand(e, generator=generator, dtype=torch.float64),
        log_weight=torch.randn(e, generator=generator, dtype=torch.float64),
    )
    graph.validate()
    return graph


def graph_of(n=6, views=2, d=8, bank=0, anchors=False, knn=0, labels=None, weights=False, edges=True, **kwargs):
    graph = augmentation_graph([unit(v) for v in make_views(n, d, views)], labels, edges=edges, **kwargs)
    if bank:
        graph.bank = unit(make_views(bank, d, 1, seed=3)[0])
    if knn:
        graph = AddKNNPositives(k=knn)(graph)
    if anchors:
        graph.anchor = torch.arange(graph.num_nodes) % 4 != 1
    if weights:
        a = torch.randn(graph.num_nodes, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
        graph.negatives = Negatives(log_weight=(a, a), symmetric_weight=True)
    return graph


def kernel_of(kernel, a, b):
    return a @ b if kernel is None else kernel.evaluate(kernel.rows(a, b))[0]


def literal_logits(z, graph, tau, sharpness=1.0, kernel=None):
    """The logits of the negatives of each anchor, one by one."""
    n, rule = graph.num_nodes, graph.negatives
    nodes = z if graph.bank is None else torch.cat([z, graph.bank.rows.to(z)])
    group = {"positives": graph.group, "group": graph.group, "sample": graph.sample, "self": torch.arange(n)}
    groups = group[rule.exclude].tolist()
    view = graph.view.tolist()
    positive = set()
    if graph.edge_index is not None and rule.exclude == "positives":
        positive = {pair for j, i in graph.edge_index.t().tolist() for pair in ((j, i), (i, j))}
    ignored = set() if graph.ignore_index is None else set(map(tuple, graph.ignore_index.t().tolist()))
    logits = [[] for _ in range(n)]

    def add(j, i, scale=1.0, log_weight=0.0):
        if i != j and (graph.anchor is None or graph.anchor[i]):
            logits[i].append(scale * sharpness * kernel_of(kernel, z[i], nodes[j]) / tau + log_weight)

    def weight(j, i):
        if rule.log_weight is None or j >= n:
            return 0.0
        return rule.log_weight[0][i] @ rule.log_weight[1][j]

    def by_rule(j, i):
        if j >= n:
            candidate = graph.bank.candidate is None or bool(graph.bank.candidate[j - n])
            return rule.bank and candidate and (j, i) not in positive
        in_scope = {"all": True, "same": view[i] == view[j], "other": view[i] != view[j]}[rule.scope]
        in_scope = in_scope and (rule.candidates is None or view[j] in rule.candidates)
        return in_scope and groups[i] != groups[j] and (j, i) not in positive

    if graph.negative_index is not None:
        pairs = graph.negative_index.t().tolist()
    else:
        pairs = [(j, i) for i in range(n) for j in range(len(nodes)) if by_rule(j, i)]
    for j, i in pairs:
        if (j, i) not in ignored:
            add(j, i, log_weight=weight(j, i))
    if graph.extra is not None:
        for e, (j, i) in enumerate(graph.extra.index.t().tolist()):
            scale = 1.0 if graph.extra.scale is None else graph.extra.scale[e]
            add(j, i, scale, 0.0 if graph.extra.log_weight is None else graph.extra.log_weight[e])
    return logits


def literal_lse(*args, **kwargs):
    none = torch.tensor(-math.inf, dtype=torch.float64)
    return [torch.logsumexp(torch.stack(x), 0) if x else none for x in literal_logits(*args, **kwargs)]


def anchors_of(graph):
    some = graph.has_positive if graph.anchor is None else graph.has_positive & graph.anchor
    return some.nonzero().view(-1).tolist()


def positives_of(graph, i):
    source, target = graph.edge_index
    weight = torch.ones(source.numel()).double() if graph.edge_weight is None else graph.edge_weight.double()
    own = target == i
    return list(zip(source[own].tolist(), (weight[own] / weight[own].sum()).tolist()))


def literal_uniformity(z, graph, tau, kernel=None):
    lse = [x for x in literal_lse(z, graph, tau, kernel=kernel) if x > -math.inf]
    return sum(lse) / max(len(lse), 1)


def literal_contrast(z, graph, tau, denominator):
    lse, total, anchors = literal_lse(z, graph, tau), 0.0, anchors_of(graph)
    nodes = z if graph.bank is None else torch.cat([z, graph.bank.rows.to(z)])
    repelled = [i for i in anchors if lse[i] > -math.inf]
    for i in anchors:
        s = {p: z[i] @ nodes[p] / tau for p, _ in positives_of(graph, i)}
        everything = torch.logsumexp(torch.stack([lse[i], *s.values()]), 0)
        for p, w in positives_of(graph, i):
            if denominator == "pair":
                total = total + w * (torch.logaddexp(lse[i], s[p]) - s[p]) / len(anchors)
            elif denominator == "all":
                total = total + w * (everything - s[p]) / len(anchors)
            else:
                total = total - w * s[p] / len(anchors)
    return total + (sum(lse[i] for i in repelled) / len(repelled) if denominator == "none" else 0.0)


def literal_mass(z, graph, tau):
    """The sum of the weights of each anchor's negatives: of their logits at no sharpness."""
    return [sum(float(torch.as_tensor(x).exp()) for x in logits) for logits in literal_logits(z, graph, tau, 0.0)]


def literal_hard(z, graph, tau, beta, tau_plus):
    hard, soft = literal_lse(z, graph, tau, 1 + beta), literal_lse(z, graph, tau, beta)
    count, total, anchors = literal_mass(z, graph, tau), 0.0, anchors_of(graph)
    for i in anchors:
        for p, w in positives_of(graph, i):
            s = z[i] @ z[p] / tau
            if beta:
                negative = count[i] * (hard[i] - soft[i]).exp()
            else:
                negative = hard[i].exp()
            negative = (negative - tau_plus * count[i] * s.exp()) / (1 - tau_plus)
            negative = torch.maximum(negative, count[i] * torch.exp(torch.tensor(-1 / tau).double()))
            total = total + w * torch.log1p(negative / s.exp()) / len(anchors)
    return total


def literal_walk(z, graph, tau):
    total, anchors = 0.0, anchors_of(graph)
    one, two = literal_lse(z, graph, tau), literal_lse(z, graph, tau, 2.0)
    for i in anchors:
        s = {p: z[i] @ z[p] / tau for p, _ in positives_of(graph, i)}
        lse = torch.logsumexp(torch.stack([one[i], *s.values()]), 0)
        total = total + (two[i] - 2 * lse).exp()
        total = total + sum(((s[p] - lse).exp() - w) ** 2 for p, w in positives_of(graph, i))
    return total / len(anchors)


def assert_equals_literal(conv, literal, graph, z=None, tolerance=1e-10):
    """Energy, message and the gradient of the bridge against a literal energy."""
    z = (graph.x if z is None else z).clone().requires_grad_()
    expected = literal(z)
    (grad,) = torch.autograd.grad(expected, z)
    energy = conv.energy(z, graph)
    assert relative(energy.detach(), expected.detach()) < tolerance
    assert relative(conv(z.detach(), graph), -grad) < tolerance
    torch.testing.assert_close(torch.autograd.grad(energy, z)[0], -conv(z.detach(), graph), rtol=0, atol=0)


PARTS = {
    "plain": {},
    "bank": {"bank": 5},
    "anchors": {"anchors": True},
    "knn": {"knn": 2},
    "weights": {"weights": True},
    "everything": {"bank": 5, "anchors": True, "knn": 2, "views": 3},
}


@pytest.mark.parametrize("impl", ["auto", "tiles", "dense"])
@pytest.mark.parametrize(
    "rule,parts", [*((rule, parts) for rule in RULES for parts in PARTS if parts != "weights"), ("all", "weights")]
)
def test_log_partition_equals_the_literal_sum(rule, parts, impl):
    graph = graph_of(**PARTS[parts])
    if parts != "weights":
        graph.negatives = RULES[rule]
    graph = exceptions(graph)
    assert_equals_literal(UniformityConv(0.3, impl), lambda z: literal_uniformity(z, graph, 0.3), graph)


@pytest.mark.parametrize("kind", ["ignored", "extra", "weights", "scales"])
@pytest.mark.parametrize("impl", ["auto", "flash"])
def test_each_kind_of_exception_alone(kind, impl):
    graph = exceptions(graph_of(bank=3))
    if kind == "ignored":
        graph.extra = None
    else:
        graph.ignore_index = None
        absent = {"extra": ("scale", "log_weight"), "scales": ("log_weight",), "weights": ("scale",)}[kind]
        graph.extra = replace(graph.extra, **dict.fromkeys(absent))
    conv = UniformityConv(0.2, impl)
    if (kind, impl) == ("ignored", "flash"):
        with pytest.raises(ValueError, match="cannot exclude single pairs"):
            conv(graph.x, graph)
        return
    assert_equals_literal(
        conv, lambda z: literal_uniformity(z, graph, 0.2), graph, tolerance=1e-9 if impl == "flash" else 1e-10
    )


@pytest.mark.parametrize("kernel", [Gaussian(), NegativePower(2.0, 0.5)])
@pytest.mark.parametrize("impl", ["auto", "dense"])
def test_kernels(kernel, impl):
    graph = exceptions(graph_of(bank=4, anchors=True))
    conv = UniformityConv(0.3, impl, kernel)
    assert_equals_literal(conv, lambda z: literal_uniformity(z, graph, 0.3, kernel), graph)


@pytest.mark.parametrize("tau", [0.5, 0.02])
@pytest.mark.parametrize("impl", ["auto", "tiles", "dense"])
@pytest.mark.parametrize("denominator", ["pair", "all", "none"])
@pytest.mark.parametrize("parts", ["plain", "everything"])
def test_contrast_equals_the_literal_loss(parts, denominator, impl, tau):
    graph = exceptions(graph_of(**PARTS[parts]))
    conv = ContrastiveConv(tau, denominator=denominator, impl=impl)
    assert_equals_literal(conv, lambda z: literal_contrast(z, graph, tau, denominator), graph)


@pytest.mark.parametrize("beta,tau_plus", [(1.0, 0.1), (0.0, 0.1), (2.0, 0.0)])
def test_hard_negatives_and_random_walk(beta, tau_plus):
    graph = exceptions(graph_of(anchors=True))
    conv = HardNegativeConv(0.4, beta, tau_plus)
    assert_equals_literal(conv, lambda z: literal_hard(z, graph, 0.4, beta, tau_plus), graph)
    assert_equals_literal(RandomWalkConv(0.4), lambda z: literal_walk(z, graph, 0.4), graph)


@pytest.mark.parametrize("denominator", ["pair", "all", "none"])
def test_explicit_negatives(denominator):
    graph = exceptions(explicit_graph(graph_of(anchors=True, knn=1)))
    conv = ContrastiveConv(0.2, denominator=denominator)
    assert_equals_literal(conv, lambda z: literal_contrast(z, graph, 0.2, denominator), graph)
    implicit = copy(graph)
    implicit.negative_index = None
    torch.testing.assert_close(conv.energy(graph.x, graph), conv.energy(graph.x, implicit), rtol=1e-12, atol=0)


@pytest.mark.parametrize("loss", [NTXentLoss, DCLLoss, SupConLoss, HardNegativeLoss])
def test_losses_of_a_graph_take_exceptions(loss):
    graph = exceptions(graph_of(bank=4))
    x = graph.x * 3
    plain = copy(graph)
    plain.ignore_index = plain.extra = None
    value = loss(0.3)(x, graph)
    torch.testing.assert_close(value, loss(0.3).conv.energy(graph.x, graph), rtol=1e-12, atol=0)
    assert abs(value - loss(0.3)(x, plain)) > 1e-3


def test_one_sided_losses_with_and_without_a_single_pass():
    """InfoNCE has one positive for each anchor, so the engine weighs rows in one walk; other implementations take
    two."""
    query, key = (unit(v) for v in make_views(9, 8))
    graph = exceptions(InfoNCELoss().graph(query, key), 60, 40)
    for impl in ("auto", "tiles", "dense"):
        conv = ContrastiveConv(0.1, impl=impl)
        assert_equals_literal(conv, lambda z: literal_contrast(z, graph, 0.1, "pair"), graph)


def test_more_rows_than_a_tile():
    graph = augmentation_graph([unit(v) for v in make_views(650, 6)])
    graph = exceptions(graph, 20000, 5000)
    expected = ContrastiveConv(0.1, impl="dense")
    for conv in (ContrastiveConv(0.1), ContrastiveConv(0.1, impl="tiles"), ContrastiveConv(0.1, denominator="none")):
        reference = ContrastiveConv(0.1, denominator=conv.denominator, impl="dense")
        assert relative(conv.energy(graph.x, graph), reference.energy(graph.x, graph)) < 1e-12
        assert relative(conv(graph.x, graph), reference(graph.x, graph)) < 1e-11
    assert relative(expected(graph.x.float(), graph), expected(graph.x, graph)) < 1e-5


def test_symmetric_pairs_keep_the_symmetric_walk():
    graph = graph_of()
    graph.ignore_index = torch.tensor([[0, 3, 3], [3, 0, 9]])  # 3 and 9 are one sample, excluded anyway
    conv = UniformityConv(0.3)
    assert conv.log_partition(graph.x, graph).blocks[0].symmetric
    assert_equals_literal(conv, lambda z: literal_uniformity(z, graph, 0.3), graph)
    graph.ignore_index = graph.ignore_index[:, 1:]
    assert not conv.log_partition(graph.x, graph).blocks[0].symmetric
    assert_equals_literal(conv, lambda z: literal_uniformity(z, graph, 0.3), graph)


@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize(
    "conv", [UniformityConv(0.3), *(ContrastiveConv(0.05, denominator=d) for d in ("pair", "all"))]
)
def test_ignored_and_extra_is_a_pair_of_another_weight(conv, explicit):
    graph = graph_of(bank=3)
    # Pairs of the rule: not of one sample.
    index = torch.tensor([[1, 7, 12, 2, 14], [0, 0, 0, 4, 11]])
    plain = explicit_graph(graph) if explicit else copy(graph)
    graph = copy(plain)
    graph.ignore_index = graph.extra = index
    torch.testing.assert_close(conv.energy(graph.x, graph), conv.energy(graph.x, plain), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(conv(graph.x, graph), conv(graph.x, plain), rtol=1e-12, atol=1e-13)
    graph.extra = ExtraNegatives(index, log_weight=torch.full((5,), -60.0))
    dropped = copy(plain)
    dropped.ignore_index = index
    torch.testing.assert_close(conv.energy(graph.x, graph), conv.energy(graph.x, dropped), rtol=1e-12, atol=1e-14)
    assert abs(conv.energy(graph.x, graph) - conv.energy(graph.x, plain)) > 1e-6


def test_the_weight_of_an_extra_negative_is_its_count():
    """A log-weight of log 3 equals the pair three times; a scale of two is the square of its exponential."""
    graph, conv = graph_of(), UniformityConv(0.5)
    graph.extra = ExtraNegatives(torch.tensor([[3], [1]]), log_weight=torch.tensor([math.log(3.0)]).double())
    thrice = copy(graph)
    thrice.extra = torch.tensor([[3, 3, 3], [1, 1, 1]])
    torch.testing.assert_close(conv.energy(graph.x, graph), conv.energy(graph.x, thrice))
    torch.testing.assert_close(conv(graph.x, graph), conv(graph.x, thrice))
    one = ContrastGraph(x=graph.x[:2], negatives=Negatives(candidates=()))
    one.extra = ExtraNegatives(torch.tensor([[1], [0]]), scale=torch.tensor([2.0]).double())
    torch.testing.assert_close(conv.energy(one.x, one), 2 * (one.x[0] @ one.x[1]) / 0.5)


def test_temperature_is_learnable():
    graph = exceptions(graph_of(3, d=2, bank=2, knn=1), 6, 6)
    tau = torch.nn.Parameter(torch.tensor(0.4, dtype=torch.float64))
    for make in (UniformityConv, ContrastiveConv, lambda t: ContrastiveConv(t, denominator="all"), RandomWalkConv):
        assert torch.autograd.gradcheck(lambda t, make=make: make(t).energy(graph.x, graph), (tau,))
        z = graph.x.clone().requires_grad_()
        assert torch.autograd.gradcheck(lambda z, make=make: make(0.4).energy(z, graph), z, fast_mode=True)
    kernel = Gaussian()
    assert torch.autograd.gradcheck(lambda t: UniformityConv(t, kernel=kernel).energy(graph.x, graph), (tau,))


@pytest.mark.parametrize("denominator", ["pair", "all", "none"])
def test_empty_exceptions_change_nothing(denominator):
    plain, conv = graph_of(bank=2), ContrastiveConv(0.1, denominator=denominator)
    graph = copy(plain)
    graph.ignore_index = torch.empty(2, 0, dtype=torch.long)
    graph.extra = ExtraNegatives(graph.ignore_index, torch.empty(0), torch.empty(0))
    graph.validate()
    assert torch.equal(conv.energy(graph.x, graph), conv.energy(graph.x, plain))
    assert torch.equal(conv(graph.x, graph), conv(graph.x, plain))


def test_anchors_whose_negatives_are_all_ignored():
    graph = graph_of()
    everyone = torch.arange(12)
    graph.ignore_index = torch.stack([everyone.repeat(2), torch.tensor([0, 5]).repeat_interleave(12)])
    for conv in (UniformityConv(0.3), *(ContrastiveConv(0.3, denominator=d) for d in ("pair", "all", "none"))):
        denominator = getattr(conv, "denominator", None)
        literal = (
            (lambda z: literal_uniformity(z, graph, 0.3))
            if denominator is None
            else (lambda z, d=denominator: literal_contrast(z, graph, 0.3, d))
        )
        assert_equals_literal(conv, literal, graph)
    graph.ignore_index = torch.cartesian_prod(everyone, everyone).t()
    for conv in (UniformityConv(0.3), ContrastiveConv(0.3), HardNegativeConv(0.3), GaussianUniformityConv()):
        assert conv.energy(graph.x, graph) == 0 and conv(graph.x, graph).abs().max() == 0
    graph.extra = torch.tensor([[1], [0]])
    torch.testing.assert_close(UniformityConv(0.3).energy(graph.x, graph), graph.x[0] @ graph.x[1] / 0.3)


def test_permutation_of_nodes():
    graph, conv = exceptions(graph_of(bank=3, knn=1)), ContrastiveConv(0.1)
    n = graph.num_nodes
    order = torch.randperm(n, generator=torch.Generator().manual_seed(1))
    rank = torch.cat([torch.argsort(order), torch.arange(n, n + 3)])
    twin = ContrastGraph(x=graph.x[order], sample=graph.sample[order], view=graph.view[order], bank=graph.bank.rows)
    for name in ("edge_index", "ignore_index"):
        twin[name] = rank[graph[name]]
    twin.edge_weight, twin.extra = graph.edge_weight, replace(graph.extra, index=rank[graph.extra.index])
    torch.testing.assert_close(conv.energy(twin.x, twin), conv.energy(graph.x, graph), rtol=1e-12, atol=0)
    torch.testing.assert_close(conv(twin.x, twin), conv(graph.x, graph)[order], rtol=1e-10, atol=1e-13)
    shuffled = copy(graph)
    shuffled.ignore_index = graph.ignore_index.flip(1)
    shuffled.extra = graph.extra.map(lambda x: x.flip(-1))
    torch.testing.assert_close(conv(shuffled.x, shuffled), conv(graph.x, graph), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("tau", [0.5, 0.02])
@pytest.mark.parametrize("denominator", ["pair", "all", "none"])
def test_single_and_half_precision(denominator, tau):
    graph = exceptions(graph_of(bank=4))
    conv = ContrastiveConv(tau, denominator=denominator)
    z = graph.x.float()
    literal = z.double().requires_grad_()
    expected = literal_contrast(literal, graph, tau, denominator)
    (grad,) = torch.autograd.grad(expected, literal)
    assert relative(conv.energy(z, graph), expected.detach()) < 1e-5
    assert relative(conv(z, graph), -grad) < 1e-5
    for dtype, tolerance in ((torch.float16, 1e-3), (torch.bfloat16, 1e-2)):
        half = z.to(dtype)
        assert conv(half, graph).dtype == dtype
        assert relative(conv(half, graph), conv(half.float(), graph)) < tolerance


def test_rows_of_the_bank_that_are_no_candidates():
    graph = graph_of(bank=6)
    graph.bank = Bank(graph.bank.rows, candidate=torch.tensor([True, False, True, True, False, False]))
    smaller = copy(graph)
    smaller.bank = graph.bank.rows[graph.bank.candidate]
    conv = ContrastiveConv(0.2)
    torch.testing.assert_close(conv.energy(graph.x, graph), conv.energy(graph.x, smaller))
    torch.testing.assert_close(conv(graph.x, graph), conv(graph.x, smaller))
    graph = exceptions(graph)
    assert_equals_literal(UniformityConv(0.2), lambda z: literal_uniformity(z, graph, 0.2), graph)
    graph.bank = Bank(graph.bank.rows, candidate=torch.zeros(6, dtype=torch.bool))
    assert_equals_literal(UniformityConv(0.2), lambda z: literal_uniformity(z, graph, 0.2), graph)
    graph.bank = Bank(graph.bank.rows, candidate=torch.ones(5, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"'bank.candidate' must be a boolean tensor of shape \[6\]"):
        conv(graph.x, graph)


def test_candidates_of_the_bank_by_view():
    graph = graph_of(bank=5, negatives=Negatives("other", candidates=()))
    view, candidate = torch.tensor([0, 1, 1, 0, -1]), torch.tensor([True, True, False, True, False])
    graph.bank = Bank(graph.bank.rows, view, candidate)
    lse = UniformityConv(0.5).log_partition(graph.x, graph).lse
    s = graph.x @ graph.bank.rows.t() / 0.5
    expected = [torch.logsumexp(s[i, graph.bank.candidate & (graph.bank.view != graph.view[i])], 0) for i in range(12)]
    torch.testing.assert_close(lse, torch.stack(expected))


@pytest.mark.parametrize("denominator", ["pair", "all", "none"])
def test_implicit_groups_equal_edges(denominator):
    labels = torch.tensor([0, 1, 0, 2, 2, 1])
    conv = ContrastiveConv(0.3, denominator=denominator)
    edges, groups = (exceptions(graph_of(labels=labels, edges=kind, bank=2)) for kind in (True, False))
    assert_equals_literal(conv, lambda z: literal_contrast(z, edges, 0.3, denominator), edges)
    torch.testing.assert_close(conv.energy(edges.x, edges), conv.energy(groups.x, groups))
    torch.testing.assert_close(conv(edges.x, edges), conv(groups.x, groups))


def test_gaussian_uniformity():
    graph, t = exceptions(graph_of(negatives=Negatives(scope="same"), anchors=True)), 2.0
    with pytest.raises(ValueError, match=r"'graph.extra.scale' must be absent"):
        GaussianUniformityConv(t)(graph.x, graph)
    graph.extra = replace(graph.extra, scale=None)

    def literal(z):
        logits, mass, energy = literal_logits(z, graph, 1 / (2 * t)), literal_mass(z, graph, 1 / (2 * t)), 0.0
        for v in (0, 1):
            own = [s for i in range(12) if graph.view[i] == v for s in logits[i]]
            total = sum(mass[i] for i in range(12) if graph.view[i] == v)
            energy = energy + (torch.logsumexp(torch.stack(own), 0) - math.log(total) - 2 * t) / 2
        return energy

    assert_equals_literal(GaussianUniformityConv(t), literal, graph)


def test_layers_without_weights_honor_ignored_pairs_and_refuse_extra_ones():
    graph = exceptions(graph_of())
    convs = PotentialConv(Gaussian()), TripletConv()
    for conv in (*convs, WeightedSum((1.0, convs[0]))):
        with pytest.raises(ValueError, match=r"'graph.extra' must be absent: pairs of (Potential|Triplet)Conv"):
            conv(graph.x, graph)
    graph.extra = None
    explicit = explicit_graph(graph)
    for part in (graph, explicit):
        kernel = Gaussian()

        def potential(z, part=part, kernel=kernel):
            return torch.stack([s for row in literal_logits(z, part, 1.0, kernel=kernel) for s in row]).mean()

        def triplet(z, part=part):
            rows = literal_logits(z, part, 1.0, kernel=NegativePower(1.0))
            gaps = [s + (z[i] - z[(i + 6) % 12]).norm() + 1.0 for i in range(12) for s in rows[i]]
            return torch.stack(gaps).clamp(min=0).mean()

        assert_equals_literal(convs[0], potential, part)
        assert_equals_literal(convs[1], triplet, part)


def test_pairs_of_views():
    """Each pair of views keeps the exceptions between the two: the sum of both ways is the loss over other views."""
    graph = exceptions(graph_of(negatives=Negatives(scope="other")))
    across = graph.view[graph.extra.index[0]] != graph.view[graph.extra.index[1]]
    graph.extra = graph.extra.keep(across)
    weights = {(0, 1): (1.0, 0.5), (1, 0): (1.0, 0.5)}
    conv = AsymmetricConv(ContrastiveConv(0.3), weights)
    torch.testing.assert_close(conv.energy(graph.x, graph), literal_contrast(graph.x, graph, 0.3, "pair"))
    torch.testing.assert_close(conv(graph.x, graph), ContrastiveConv(0.3)(graph.x, graph) / 2)
    inside = copy(graph)
    inside.extra = torch.tensor([[1], [0]])
    none = copy(inside)
    none.extra = None
    assert torch.equal(conv.energy(graph.x, inside), conv.energy(graph.x, none))
