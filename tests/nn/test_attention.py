from itertools import pairwise

import pytest
import torch
from contracts.loss import LossContract, explicit_graph, make_views, relative, unit, value_and_gradients
from torch import nn
from torch.func import functional_call

from gnnclr.graph import AddKNNPositives, augmentation_graph
from gnnclr.losses import GraphLoss
from gnnclr.nn import (
    AlignmentConv,
    AsymmetricConv,
    ContrastiveConv,
    HardNegativeConv,
    RandomWalkConv,
    UniformityConv,
)
from gnnclr.nn.attention import AttentionAlignmentConv, CosineAttention, MultiHeadAttention

DENOMINATORS = ("pair", "all", "none")
BETA = 1.7


def graph_of(kind="views", n=6, d=8):
    """Views, with nearest neighbors or rows of a bank, and features that are not the embeddings."""
    graph = augmentation_graph([unit(v) for v in make_views(n, d, 2 if kind == "two views" else 3)])
    graph.features = make_views(graph.num_nodes, 5, 1, seed=4)[0].double()
    if kind == "neighbors":
        graph = AddKNNPositives(k=2, weight=0.7)(graph)
    if kind == "bank":
        graph.bank = unit(make_views(4, d, 1, seed=3)[0])
        graph.edge_index = torch.cat([graph.edge_index, torch.tensor([[18, 20], [0, 4]])], 1)
    if kind == "embeddings":
        del graph.features
    return graph


def negatives_of(graph, i):
    """The candidates that repel anchor i under the default rule, literally."""
    edges = set(zip(*graph.edge_index.tolist()))
    n = graph.num_nodes
    inside = [j for j in range(n) if graph.group[j] != graph.group[i] and not {(j, i), (i, j)} & edges]
    return inside + [j for j in range(n, graph.num_candidates) if (j, i) not in edges]


def literal(z, graph, tau, weighs, denominator, beta=BETA):
    """The released rule (weighs="row") and the paper's, pair by pair; weights are constants."""
    nodes = z if graph.bank is None else torch.cat([z, graph.bank.rows])
    s = z @ nodes.t() / tau
    u = unit(nodes.detach() if graph.features is None or graph.bank is not None else graph.features)
    edges = list(zip(*graph.edge_index.tolist()))
    given = [1.0] * len(edges) if graph.edge_weight is None else graph.edge_weight.tolist()
    total, anchors = {}, {i for _, i in edges}
    for (_, i), w in zip(edges, given):
        total[i] = total.get(i, 0.0) + w
    weights = [w / total[i] for (_, i), w in zip(edges, given)]
    attention = [w * torch.exp(beta * (u[i] @ u[p]) + 1) for (p, i), w in zip(edges, weights)]
    energy = 0.0
    for (p, i), w, e in zip(edges, weights, attention):
        alpha, w = e / sum(attention), w / len(anchors)
        positives = {"pair": [p], "all": [q for q, j in edges if j == i], "none": []}[denominator]
        others = s[i, [q for q in positives if q != p] + negatives_of(graph, i)] - s[i, p]
        # The partition function over e^s_ip, so that no digits are lost where it is nearly one.
        partition = torch.log1p(others.exp().sum()) if positives else torch.logsumexp(others, 0)
        energy = (
            energy + (alpha if weighs == "row" else w) * partition + (0 if weighs == "row" else w - alpha) * s[i, p]
        )
    return energy


def attention_conv(tau=0.3, weighs="row", denominator="pair", beta=BETA, attention=None):
    attention = CosineAttention(beta) if attention is None else attention
    return ContrastiveConv(alignment=AttentionAlignmentConv(tau, attention, weighs), denominator=denominator)


@pytest.mark.parametrize("weighs", ["row", "alignment"])
@pytest.mark.parametrize("denominator", DENOMINATORS)
@pytest.mark.parametrize("kind", ["two views", "views", "neighbors", "bank", "embeddings"])
def test_equals_the_literal_rule(kind, denominator, weighs):
    graph, conv = graph_of(kind), attention_conv(weighs=weighs, denominator=denominator)
    z = graph.x.clone().requires_grad_()
    expected = literal(z, graph, 0.3, weighs, denominator)
    (expected_grad,) = torch.autograd.grad(expected, z)
    energy = conv.energy(z, graph)
    (grad,) = torch.autograd.grad(energy, z)
    assert relative(energy.detach(), expected.detach()) < 1e-10 and relative(grad, expected_grad) < 1e-10
    assert torch.equal(conv(graph.x, graph), -grad)


@pytest.mark.parametrize("weighs", ["row", "alignment"])
@pytest.mark.parametrize("denominator", DENOMINATORS)
def test_weights_of_two_pairs_in_numbers(denominator, weighs):
    # Two samples of two views; the views of the first agree in their features, those of the second are opposite.
    z = unit(make_views(4, 3, 1)[0])
    graph = augmentation_graph(list(z.split(2)))
    graph.features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0], [0.0, -3.0]], dtype=torch.float64)
    pairs = attention_conv(weighs=weighs, denominator=denominator, beta=1.0).alignment.pairs(z, graph)
    high, low = torch.tensor([1.0, -1.0], dtype=torch.float64).exp() / (2 * (torch.e + 1 / torch.e))
    expected = torch.stack([high, low, high, low])
    torch.testing.assert_close(pairs.weight if weighs == "row" else pairs.attract, expected)
    torch.testing.assert_close(pairs.weight, expected if weighs == "row" else torch.full_like(expected, 0.25))


@pytest.mark.parametrize("weighs", ["row", "alignment"])
@pytest.mark.parametrize("kind", ["two views", "views", "neighbors", "bank"])
@pytest.mark.parametrize("denominator", DENOMINATORS)
def test_equal_weights_are_the_plain_layer(denominator, kind, weighs):
    graph, plain = graph_of(kind), ContrastiveConv(0.3, denominator=denominator)
    same = graph.clone()
    same.features = torch.ones_like(graph.features)
    # Only the sum over anchors of the decoupled loss is taken in another order.
    exact = {} if denominator == "none" and weighs == "row" else {"rtol": 0, "atol": 0}
    for beta, data in ((0.0, graph), (BETA, same))[: 1 if kind == "bank" else 2]:
        conv = attention_conv(weighs=weighs, denominator=denominator, beta=beta)
        torch.testing.assert_close(conv.energy(data.x, data), plain.energy(data.x, data), **exact)
        torch.testing.assert_close(conv(data.x, data), plain(data.x, data), **exact)


@pytest.mark.parametrize("conv", [HardNegativeConv, RandomWalkConv, AlignmentConv])
def test_other_objectives_take_it(conv):
    graph = graph_of("neighbors")
    plain = conv(0.3)
    for weighs in ("row", "alignment"):
        alignment = AttentionAlignmentConv(0.3, CosineAttention(0.0), weighs)
        layer = alignment if conv is AlignmentConv else conv(alignment=alignment)
        assert torch.equal(layer.energy(graph.x, graph), plain.energy(graph.x, graph))
        assert torch.equal(layer(graph.x, graph), plain(graph.x, graph))
        alignment.attention.beta = BETA
        z = graph.x.clone().requires_grad_()
        assert torch.autograd.gradcheck(lambda z: layer.energy(z, graph), z, fast_mode=True)  # noqa: B023
        assert not torch.allclose(layer(graph.x, graph), plain(graph.x, graph))


@pytest.mark.parametrize("tau", [0.5, 0.01])
@pytest.mark.parametrize("weighs", ["row", "alignment"])
@pytest.mark.parametrize("denominator", DENOMINATORS)
def test_edges_and_engine_agree(denominator, weighs, tau):
    graph, conv = graph_of("neighbors"), attention_conv(tau, weighs, denominator)
    explicit = explicit_graph(graph)
    assert relative(conv.energy(graph.x, graph), conv.energy(graph.x, explicit)) < 1e-11
    assert relative(conv(graph.x, graph), conv(graph.x, explicit)) < 1e-10


@pytest.mark.parametrize("weighs", ["row", "alignment"])
@pytest.mark.parametrize("denominator", DENOMINATORS)
def test_implicit_groups_equal_edges(denominator, weighs):
    views, labels = [unit(v) for v in make_views(7, 8, 2)], torch.tensor([0, 1, 0, 2, 2, 2, 3])
    conv = attention_conv(weighs=weighs, denominator=denominator)
    edges, groups = (augmentation_graph(views, labels, edges=kind) for kind in (True, False))
    torch.testing.assert_close(conv.energy(edges.x, edges), conv.energy(groups.x, groups))
    torch.testing.assert_close(conv(edges.x, edges), conv(groups.x, groups))


@pytest.mark.parametrize("denominator", DENOMINATORS)
def test_anchors_without_negatives_leave_the_mean_as_in_the_plain_layer(denominator):
    # Of the six anchors only one has negatives.
    graph = augmentation_graph([unit(v) for v in make_views(3, 8, 2)])
    graph.negative_index = torch.tensor([[0, 3], [1, 1]])
    plain, conv = ContrastiveConv(0.3, denominator=denominator), attention_conv(denominator=denominator, beta=0.0)
    torch.testing.assert_close(conv.energy(graph.x, graph), plain.energy(graph.x, graph))
    torch.testing.assert_close(conv(graph.x, graph), plain(graph.x, graph))


class TestAttentionOnRows(LossContract):
    num_views = (2, 3)
    impls = ("auto",)
    conservative = False
    weighs = "row"
    test_card_and_repr = None

    def make(self, temperature=0.5, impl="auto", **kwargs):
        parts = AttentionAlignmentConv(temperature, weighs=self.weighs), UniformityConv(temperature, impl)
        return GraphLoss(ContrastiveConv(temperature, *parts), **kwargs)

    def reference(self, views, temperature):
        return self.reference_of_units([unit(v) for v in views], temperature)

    def reference_of_units(self, views, temperature):
        z = torch.cat(views)
        return literal(z, augmentation_graph([v.detach() for v in views]), temperature, self.weighs, "pair", beta=1.0)


class TestAttentionOnAlignment(TestAttentionOnRows):
    weighs = "alignment"

    def compare(self, views, temperature, expectation, tolerance, **kwargs):
        # Where views nearly agree the loss is a difference of scores: what counts is their scale, not its own.
        value, grad = value_and_gradients(self.make(temperature, **kwargs), views)
        assert abs(value.double() - expectation[0]) < tolerance * max(1 / temperature, abs(float(expectation[0])))
        assert relative(grad, expectation[1]) < 10 * tolerance


class Energy(nn.Module):
    """The energy of a layer as a module, so that its parameters can be given from outside."""

    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, z, graph):
        return self.conv.energy(z, graph)


def learned(weighs, make):
    torch.manual_seed(0)
    attention = MultiHeadAttention(5, heads=2, head_channels=3).double()
    for parameter in attention.parameters():
        parameter.data.mul_(4)  # far from equal weights
    return make(AttentionAlignmentConv(0.3, attention, weighs))


LAYERS = {
    "pair": lambda a: ContrastiveConv(alignment=a),
    "all": lambda a: ContrastiveConv(alignment=a, denominator="all"),
    "none": lambda a: ContrastiveConv(alignment=a, denominator="none"),
    "alignment": lambda a: a,
    "hard": lambda a: HardNegativeConv(alignment=a),
    "walk": lambda a: RandomWalkConv(alignment=a),
    "asymmetric": lambda a: AsymmetricConv(ContrastiveConv(alignment=a), {(0, 1): (1.0, 1.0), (2, 1): (2.0, 0.5)}),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("weighs", ["row", "alignment"])
def test_gradcheck_of_the_parameters_of_attention(weighs, layer):
    graph, energy = graph_of("neighbors", n=4), Energy(learned(weighs, LAYERS[layer]))
    names, values = zip(*((name, p.detach().clone()) for name, p in energy.named_parameters()))
    assert len(names) == 2

    def of_parameters(*values):
        return functional_call(energy, dict(zip(names, values)), (graph.x, graph))

    assert torch.autograd.gradcheck(of_parameters, tuple(v.requires_grad_() for v in values), fast_mode=True)
    assert max(float(g.abs().max()) for g in torch.autograd.grad(of_parameters(*values), values)) > 1e-4


@pytest.mark.parametrize("weighs", ["row", "alignment"])
def test_learned_weights_are_constants_of_the_message(weighs):
    graph, conv = graph_of("neighbors", n=4), learned(weighs, LAYERS["pair"])
    assert torch.autograd.gradcheck(lambda z: conv.energy(z, graph), graph.x.clone().requires_grad_(), fast_mode=True)


def test_multi_head_attention_equals_a_literal_softmax():
    graph = graph_of("neighbors")
    torch.manual_seed(0)
    attention = MultiHeadAttention(5, heads=3, head_channels=2).double()
    u = unit(graph.features)
    query, key = (linear(u).view(-1, 3, 2) for linear in (attention.query, attention.key))
    weight = graph.edge_weight.double()
    weight[3] = 0
    out = attention(u, graph.edge_index, weight)
    for i in range(graph.num_nodes):
        edges = (graph.edge_index[1] == i).nonzero().view(-1).tolist()
        e = [
            [weight[k] * (query[i, h] @ key[graph.edge_index[0, k], h] / 2**0.5).exp() for k in edges]
            for h in (0, 1, 2)
        ]
        for position, k in enumerate(edges):
            torch.testing.assert_close(out[k], sum(row[position] / sum(row) for row in e) / 3)
    assert out[3] == 0


def test_attention_learns_to_leave_out_wrong_positives():
    generator = torch.Generator().manual_seed(0)
    center = torch.eye(4, 8).repeat_interleave(8, 0)
    views = [center + 0.1 * torch.randn(32, 8, generator=generator) for _ in range(3)]
    graph = augmentation_graph(views)
    node = torch.arange(96)
    graph.edge_index = torch.cat([graph.edge_index, torch.stack([(node + 8) % 32, node])], 1)  # another class
    wrong = torch.arange(graph.edge_index.size(1)) >= graph.edge_index.size(1) - 96
    torch.manual_seed(0)
    loss = GraphLoss(attention_conv(0.3, attention=MultiHeadAttention(8, heads=2)))
    share = []
    optimizer = torch.optim.Adam(loss.parameters(), 0.05)
    for _ in range(20):
        value = loss(graph.x, graph)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        with torch.no_grad():
            pairs = loss.conv.alignment.pairs(unit(graph.x).float(), graph)
        share.append(float(pairs.weight[wrong].sum()))
    assert share[0] > 0.2 and share[-1] < 0.05
    assert all(a > b for a, b in pairwise(share[::5]))


def test_half_precision_message():
    graph, conv = graph_of("neighbors"), attention_conv(0.1)
    message = conv(graph.x.half(), graph)
    assert message.dtype == torch.float16
    torch.testing.assert_close(message.double(), conv(graph.x, graph), rtol=5e-3, atol=1e-3)


def test_wrong_arguments():
    graph = graph_of()
    with pytest.raises(ValueError, match="'weighs' must be one of 'row', 'alignment'"):
        AttentionAlignmentConv(weighs="both")
    with pytest.raises(ValueError, match="'beta' must be a finite number"):
        CosineAttention(float("inf"))
    with pytest.raises(ValueError, match="'heads' must be a positive integer"):
        MultiHeadAttention(8, heads=0)
    with pytest.raises(ValueError, match=r"'x' must have shape \[n, 4\], the 'channels'"):
        attention_conv(attention=MultiHeadAttention(4).double()).energy(graph.x, graph)
    graph.features = graph.features[:4]
    with pytest.raises(ValueError, match=r"'features' must have shape \[18, d\]"):
        attention_conv().energy(graph.x, graph)
    with pytest.raises(ValueError, match="must share one temperature"):
        ContrastiveConv(alignment=AttentionAlignmentConv(0.1), uniformity=UniformityConv(0.2), denominator="none")
    alignment = AttentionAlignmentConv(0.1, weighs="alignment")
    ContrastiveConv(alignment=alignment, uniformity=UniformityConv(0.2), denominator="none")


def test_graph_without_edges():
    graph = graph_of()
    graph.edge_index = graph.edge_index[:, :0]
    for attention in (CosineAttention(), MultiHeadAttention(5).double()):
        for weighs in ("row", "alignment"):
            conv = attention_conv(weighs=weighs, attention=attention)
            assert conv.energy(graph.x, graph) == 0 and conv(graph.x, graph).abs().max() == 0


def test_repr():
    assert str(AttentionAlignmentConv(0.1)) == (
        "AttentionAlignmentConv(temperature=0.1, CosineAttention(beta=1), weighs='row')"
    )
    assert "denominator='pair', alignment=AttentionAlignmentConv(" in str(attention_conv())
    assert str(MultiHeadAttention(64)) == "MultiHeadAttention(channels=64, heads=4, head_channels=16)"


RECIPE = """
loss:
  class_path: gnnclr.losses.GraphLoss
  init_args:
    conv:
      class_path: gnnclr.nn.ContrastiveConv
      init_args:
        alignment:
          class_path: gnnclr.nn.attention.AttentionAlignmentConv
          init_args:
            temperature: 0.2
            weighs: {weighs}
            attention: {attention}
"""


@pytest.mark.parametrize("weighs", ["row", "alignment"])
@pytest.mark.parametrize(
    "attention",
    [
        "{class_path: gnnclr.nn.attention.CosineAttention, init_args: {beta: 2.0}}",
        "{class_path: gnnclr.nn.attention.MultiHeadAttention, init_args: {channels: 8, heads: 2}}",
    ],
)
def test_named_in_a_recipe(weighs, attention):
    jsonargparse = pytest.importorskip("jsonargparse")
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--loss", type=nn.Module)
    loss = parser.instantiate(parser.parse_string(RECIPE.format(weighs=weighs, attention=attention))).loss
    assert isinstance(loss.conv.alignment, AttentionAlignmentConv) and loss.conv.alignment.weighs == weighs
    assert float(loss.conv.temperature) == float(loss.conv.uniformity.temperature) == 0.2
    assert loss(*make_views(5, 8)).isfinite()
