import itertools

import pytest
import torch
from contracts.loss import explicit_graph, make_views, relative, unit

from gnnclr.graph import AddKNNPositives, ContrastGraph, Negatives, augmentation_graph
from gnnclr.nn import AlignmentConv, AsymmetricConv, ContrastiveConv, PairConv, UniformityConv, Update, WeightedSum


def graph_of(n=7, views=2, **kwargs):
    return augmentation_graph([unit(v) for v in make_views(n, 8, views)], **kwargs)


def negative_mask(graph):
    """The pairs [anchor, candidate] that the rule lets repel, literally."""
    n, rule = graph.num_nodes, graph.negatives
    mask = torch.zeros(n, graph.num_candidates, dtype=torch.bool)
    positive = set() if graph.edge_index is None else set(zip(*graph.edge_index.tolist()))
    for i in range(n):
        if graph.anchor is not None and not graph.anchor[i]:
            continue
        for j in range(n):
            same_view = bool(graph.view[i] == graph.view[j])
            allowed = {"all": True, "same": same_view, "other": not same_view}[rule.scope] and i != j
            allowed &= rule.candidates is None or int(graph.view[j]) in rule.candidates
            if rule.exclude == "positives":
                allowed &= bool(graph.group[i] != graph.group[j]) and (j, i) not in positive and (i, j) not in positive
            elif rule.exclude == "group":
                allowed &= bool(graph.group[i] != graph.group[j])
            elif rule.exclude == "sample":
                allowed &= bool(graph.sample[i] != graph.sample[j])
            mask[i, j] = allowed
        for b in range(graph.num_candidates - n):
            mask[i, n + b] = rule.bank and not (rule.exclude == "positives" and (n + b, i) in positive)
    return mask


def literal_uniformity(z, graph, temperature):
    nodes = z if graph.bank is None else torch.cat([z, graph.bank.rows.to(z)])
    s, mask = z @ nodes.t() / temperature, negative_mask(graph)
    if graph.negatives.log_weight is not None:
        a, b = (x.to(z) for x in graph.negatives.log_weight)
        b = torch.cat([b, b.new_zeros(len(nodes) - len(z), b.size(1))])
        s = s + a @ b.t()
    lse = torch.stack([torch.logsumexp(s[i][mask[i]], 0) for i in range(len(z)) if mask[i].any()])
    return lse.mean()


RULES = {
    "all": Negatives(),
    "other": Negatives(scope="other"),
    "same": Negatives(scope="same"),
    "self": Negatives(exclude="self"),
    "group": Negatives(exclude="group"),
    "sample": Negatives(exclude="sample"),
    "candidates": Negatives(candidates=(1,)),
    "other self": Negatives(scope="other", exclude="self"),
}


@pytest.mark.parametrize("impl", ["auto", "dense"])
@pytest.mark.parametrize("parts", ["", "bank", "knn", "anchor", "labels", "weights", "bank knn anchor weights"])
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_equals_the_literal_sum(rule, parts, impl):
    graph = graph_of(views=3, labels=torch.tensor([0, 1, 0, 2, 2, 2, 3]) if "labels" in parts else None)
    graph.negatives = RULES[rule]
    if "bank" in parts:
        graph.bank = unit(make_views(5, 8, 1, seed=3)[0])
        graph.edge_index = torch.cat([graph.edge_index, torch.tensor([[21, 23], [0, 4]])], 1)
    if "knn" in parts:
        graph = AddKNNPositives(k=2)(graph)
    if "anchor" in parts:
        graph.anchor = torch.arange(21) % 4 != 1
    if "weights" in parts:
        from dataclasses import replace

        a = torch.randn(21, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        graph.negatives = replace(graph.negatives, log_weight=(a, a.flip(1)), symmetric_weight=True)
    graph.validate()
    conv = UniformityConv(0.3, impl)
    z = graph.x.clone().requires_grad_()
    expected = literal_uniformity(z, graph, 0.3)
    (grad,) = torch.autograd.grad(expected, z)
    torch.testing.assert_close(conv.energy(graph.x, graph), expected.detach(), rtol=1e-10, atol=0)
    torch.testing.assert_close(conv(graph.x, graph), -grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "conv",
    [AlignmentConv(0.3), UniformityConv(0.3), *(ContrastiveConv(0.3, denominator=d) for d in ("pair", "all", "none"))],
)
@pytest.mark.parametrize("views", [2, 3])
def test_message_is_minus_gradient(conv, views):
    graph = graph_of(views=views)
    z = graph.x.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: conv.energy(z, graph), z, fast_mode=True)
    (grad,) = torch.autograd.grad(conv.energy(z, graph), z)
    assert torch.equal(conv(graph.x, graph), -grad)


@pytest.mark.parametrize("conv", [AlignmentConv, UniformityConv, ContrastiveConv])
@pytest.mark.parametrize("kind", ["implicit", "explicit", "bank", "groups", "labels"])
def test_temperature_is_learnable(conv, kind):
    graph = graph_of(
        labels=torch.tensor([0, 1, 0, 2, 2, 2, 3]) if kind == "labels" else None, edges=kind not in ("groups", "labels")
    )
    if kind == "explicit":
        graph = explicit_graph(graph)
    if kind == "bank":
        graph.bank = unit(make_views(5, 8, 1, seed=3)[0])
        graph.edge_index = torch.cat([graph.edge_index, torch.tensor([[16], [3]])], 1)
    tau = torch.nn.Parameter(torch.tensor(0.4, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda t: conv(t).energy(graph.x, graph), (tau,))


@pytest.mark.parametrize("temperature", [0.5, 0.01])
@pytest.mark.parametrize("denominator", ["pair", "all", "none"])
def test_edges_and_engine_agree(denominator, temperature):
    graph = AddKNNPositives(k=2)(graph_of(views=3))
    conv = ContrastiveConv(temperature, denominator=denominator)
    explicit = explicit_graph(graph)
    torch.testing.assert_close(conv.energy(graph.x, graph), conv.energy(graph.x, explicit), rtol=1e-11, atol=1e-14)
    assert relative(conv(graph.x, graph), conv(graph.x, explicit)) < 1e-10


@pytest.mark.parametrize(
    "conv", [AlignmentConv(0.3), *(ContrastiveConv(0.3, denominator=d) for d in ("pair", "all", "none"))]
)
def test_implicit_groups_equal_edges(conv):
    labels = torch.tensor([0, 1, 0, 2, 2, 2, 3])
    edges, groups = graph_of(labels=labels), graph_of(labels=labels, edges=False)
    for anchor in (None, torch.arange(14) % 3 != 0):
        edges.anchor = groups.anchor = anchor
        torch.testing.assert_close(conv.energy(edges.x, edges), conv.energy(groups.x, groups))
        torch.testing.assert_close(conv(edges.x, edges), conv(groups.x, groups))


def test_parts_add_up_to_the_decoupled_loss():
    graph, conv = graph_of(), ContrastiveConv(0.3, denominator="none")
    parts = AlignmentConv(0.3), UniformityConv(0.3)
    torch.testing.assert_close(conv(graph.x, graph), sum(part(graph.x, graph) for part in parts))
    torch.testing.assert_close(conv.energy(graph.x, graph), sum(part.energy(graph.x, graph) for part in parts))


def test_an_update_without_energy_trains_through_the_surrogate():
    class Pull(PairConv):
        def step(self, z, graph):
            return Update(
                None, self.messages_both_ways(z, graph, graph.edge_index, z.new_ones(graph.edge_index.size(1)))
            )

    graph, conv = graph_of(), Pull(1.0)
    z = graph.x.clone().requires_grad_()
    (grad,) = torch.autograd.grad(conv.energy(z, graph), z)
    torch.testing.assert_close(grad, -conv(graph.x, graph))
    torch.testing.assert_close(conv(graph.x, graph), 2 * graph.x.roll(7, 0))


def test_step_along_the_message_lowers_the_energy():
    graph, conv = graph_of(30), ContrastiveConv(0.2)
    z = graph.x
    energies = []
    for _ in range(20):
        energies.append(float(conv.energy(z, graph)))
        z = unit(z + 0.5 * conv(z, graph))
    assert all(a > b for a, b in itertools.pairwise(energies))


def test_half_precision_message():
    graph = graph_of()
    message = ContrastiveConv(0.1)(graph.x.half(), graph)
    assert message.dtype == torch.float16
    torch.testing.assert_close(message.double(), ContrastiveConv(0.1)(graph.x, graph), rtol=5e-3, atol=1e-3)


def test_graph_without_anchors_or_edges():
    graph = graph_of()
    graph.anchor = torch.zeros(14, dtype=torch.bool)
    for conv in (AlignmentConv(), UniformityConv(), ContrastiveConv(), ContrastiveConv(denominator="all")):
        assert conv.energy(graph.x, graph) == 0 and conv(graph.x, graph).abs().max() == 0
    graph = ContrastGraph(x=graph.x, edge_index=torch.empty(2, 0, dtype=torch.long))
    assert ContrastiveConv().energy(graph.x, graph) == 0


def test_wrong_arguments():
    graph = graph_of()
    with pytest.raises(ValueError, match="'graph' must be a ContrastGraph"):
        AlignmentConv()(graph.x, graph.edge_index)
    with pytest.raises(ValueError, match=r"'z' must have shape \[14, d\]"):
        AlignmentConv()(graph.x[:5], graph)
    with pytest.raises(ValueError, match="'denominator' must be one of"):
        ContrastiveConv(denominator="both")
    with pytest.raises(ValueError, match="must share one temperature"):
        ContrastiveConv(alignment=AlignmentConv(0.1), uniformity=UniformityConv(0.2))
    ContrastiveConv(alignment=AlignmentConv(0.1), uniformity=UniformityConv(0.2), denominator="none")


def test_weights_of_layers_are_not_learned():
    weight = torch.nn.Parameter(torch.tensor(2.0))
    with pytest.raises(ValueError, match="'parts' must be a number: it is not learned"):
        WeightedSum((weight, AlignmentConv(0.5)))
    with pytest.raises(ValueError, match="'weights' must be a number: it is not learned"):
        AsymmetricConv(ContrastiveConv(0.5), {(0, 1): (weight, 1.0)})


def test_repr():
    assert str(AlignmentConv(0.1)) == "AlignmentConv(temperature=0.1)"
    assert str(UniformityConv()) == "UniformityConv(temperature=0.5)"
    assert str(ContrastiveConv(0.2, denominator="all")) == "ContrastiveConv(temperature=0.2, denominator='all')"


@pytest.mark.parametrize("denominator", ["pair", "all", "none"])
@pytest.mark.parametrize("rule", RULES)
def test_implicit_groups_equal_edges_under_every_rule(rule, denominator):
    labels, conv = torch.tensor([0, 1, 0, 2, 2, 2, 3]), ContrastiveConv(0.3, denominator=denominator)
    edges, groups = (graph_of(labels=labels, edges=kind, negatives=RULES[rule]) for kind in (True, False))
    torch.testing.assert_close(conv.energy(edges.x, edges), conv.energy(groups.x, groups))
    torch.testing.assert_close(conv(edges.x, edges), conv(groups.x, groups))


def test_decoupled_loss_counts_anchors_with_positives():
    z = unit(make_views(6, 8, 1)[0])
    graph = augmentation_graph([z], labels=torch.tensor([0, 0, 1, 2, 3, 4]))
    s = z @ z.t() / 0.3
    expected = sum(torch.logsumexp(s[i, 2:], 0) - s[i, 1 - i] for i in (0, 1)) / 2
    torch.testing.assert_close(ContrastiveConv(0.3, denominator="none").energy(z, graph), expected)


def test_learnable_temperatures_must_be_one_parameter():
    a, b = (torch.nn.Parameter(torch.tensor(0.2)) for _ in range(2))
    with pytest.raises(ValueError, match="must share one temperature"):
        ContrastiveConv(alignment=AlignmentConv(a), uniformity=UniformityConv(b))
    ContrastiveConv(alignment=AlignmentConv(a), uniformity=UniformityConv(a))
