import warnings

import pytest
import torch
from contracts.loss import LossContract, explicit_graph, make_views, relative, unit, value_and_gradients
from torch import nn
from torch_geometric.nn import GATv2Conv, GCNConv, GINConv, SAGEConv, SimpleConv, TransformerConv

from gnnclr.graph import AddKNNPositives, ContrastGraph, ExtraNegatives, Negatives, augmentation_graph
from gnnclr.losses import DCLLoss, InfoNCELoss, NTXentLoss, VICRegLoss
from gnnclr.losses.aggregated import AggregatedLoss

CONVS = {
    "gcn": lambda d: GCNConv(d, d, add_self_loops=False),
    "gatv2": lambda d: GATv2Conv(d, d, heads=2, concat=False, add_self_loops=False),
    "sage": lambda d: SAGEConv(d, d, root_weight=False),
    "transformer": lambda d: TransformerConv(d, d, heads=2, concat=False, root_weight=False),
    "simple": lambda d: SimpleConv(aggr="mean"),
}


def literal(z, target, keep, temperature):
    """Each node finds its target among those that ``keep[i]`` lists."""
    total = 0.0
    for i, others in keep.items():
        total = total + torch.log1p(sum(torch.exp((z[i] @ (target[j] - target[i])) / temperature) for j in others))
    return total / len(keep)


class TestAggregatedByTheMean(LossContract):
    """Two views are InfoNCE with keys held constant, in both directions, negatives from both views."""

    num_views = (2, 3)
    impls = ("auto",)
    bank = "rows"  # nodes repel by their targets
    conservative = False
    least_features = 2  # on a line positives may cancel, and their mean has no direction
    test_card_and_repr = None
    test_message_is_minus_gradient = None

    def make(self, temperature=0.5, impl="auto", **kwargs):
        return AggregatedLoss(SimpleConv(aggr="mean"), InfoNCELoss(temperature, impl=impl), **kwargs)

    def reference(self, views, temperature):
        z, n = unit(torch.cat(views)), len(views[0])
        number = len(z)
        target = [sum(z[p].detach() for p in range(i % n, number, n) if p != i) for i in range(number)]
        keep = {i: [j for j in range(number) if j % n != i % n] for i in range(number)}
        return literal(z, [unit(t.unsqueeze(0))[0] for t in target], keep, temperature)


def test_two_views_are_info_nce_against_keys_held_constant():
    z0, z1 = (unit(v).requires_grad_() for v in make_views(6))
    value = AggregatedLoss(SimpleConv(aggr="mean"), InfoNCELoss(0.2))(z0, z1)
    keys = [z.detach() for z in (z0, z1)]
    # The keys of the other view that are not the positive, and those of the own view, are negatives.
    expected = 0.0
    for query, key, other in ((z0, keys[1], keys[0]), (z1, keys[0], keys[1])):
        off = torch.stack([torch.cat([torch.cat([x[:i], x[i + 1 :]]) for x in (key, other)]) for i in range(6)])
        expected = expected + InfoNCELoss(0.2)(query, key, off) / 2
    torch.testing.assert_close(value, expected)
    for got, wanted in zip(*(torch.autograd.grad(v, (z0, z1)) for v in (value, expected))):
        torch.testing.assert_close(got, wanted)


def test_neighbors_and_bank_against_a_literal_loop():
    graph = augmentation_graph([unit(v) for v in make_views(6, 8)])
    graph = AddKNNPositives(k=2, weight=0.6)(graph)
    graph.bank = unit(make_views(3, 8, 1, seed=5)[0])
    bank = torch.tensor([[12, 14], [0, 7]])
    graph.edge_index, graph.edge_weight = (
        torch.cat([graph.edge_index, bank], 1),
        torch.cat([graph.edge_weight, 0.5 * torch.ones(2)]),
    )
    graph.anchor = torch.arange(12) != 3
    for with_bank in (True, False):
        graph.negatives = Negatives(bank=with_bank)

        def reference(x, with_bank=with_bank):
            z = unit(x)
            nodes, edges = torch.cat([z.detach(), graph.bank.rows]), list(zip(*graph.edge_index.tolist()))
            target = [
                sum(w * nodes[s] for (s, t), w in zip(edges, graph.edge_weight.double()) if t == i) for i in range(12)
            ]
            target = [unit(t.unsqueeze(0))[0] for t in target] + list(graph.bank.rows)
            keep = {}
            for i in range(12):
                if graph.anchor[i]:
                    inside = [j for j in range(12) if j % 6 != i % 6 and not {(i, j), (j, i)} & set(edges)]
                    rows = [j for j in range(12, 15) if (j, i) not in edges]
                    keep[i] = inside + (rows if with_bank else [])
            return literal(z, target, keep, 0.3)

        value, grad = value_and_gradients(AggregatedOn(graph), [graph.x])
        expected, expected_grad = value_and_gradients(reference, [graph.x])
        assert relative(value, expected) < 1e-6 and relative(grad, expected_grad) < 1e-6


class AggregatedOn:
    def __init__(self, graph):
        self.graph, self.loss = graph, AggregatedLoss(SimpleConv(aggr="sum"), InfoNCELoss(0.3))

    def __call__(self, x):
        return self.loss(x, self.graph)


def test_nodes_without_positives_give_no_target():
    graph = augmentation_graph([unit(v) for v in make_views(4, 8)])
    pairs = graph.edge_index[:, graph.edge_index[1] % 4 != 0]
    lonely = ContrastGraph(graph.x, pairs, sample=graph.sample, view=graph.view)
    rest = [i for i in range(8) if i % 4]
    small = augmentation_graph(list(graph.x[rest].split(3)))
    loss = AggregatedLoss(SimpleConv(aggr="mean"), InfoNCELoss(0.3))
    torch.testing.assert_close(loss(graph.x, lonely), loss(small.x, small))


def test_explicit_ignored_and_extra_negatives():
    graph = augmentation_graph([unit(v) for v in make_views(5, 8)])
    loss = AggregatedLoss(SimpleConv(aggr="mean"), InfoNCELoss(0.3))
    ignoring, explicit = graph.clone(), explicit_graph(graph)
    ignoring.ignore_index = torch.tensor([[1, 7], [0, 3]])
    source, target = explicit.negative_index
    left = ~(((source == 1) & (target == 0)) | ((source == 7) & (target == 3)))
    explicit.negative_index = explicit.negative_index[:, left]
    torch.testing.assert_close(loss(graph.x, ignoring), loss(graph.x, explicit))
    # Ignored, and added again as they were.
    ignoring.extra = ExtraNegatives(ignoring.ignore_index, scale=torch.ones(2))
    torch.testing.assert_close(loss(graph.x, ignoring), loss(graph.x, graph))


def test_weights_of_negatives_are_those_of_the_owner():
    graph = augmentation_graph([unit(v) for v in make_views(5, 8)])
    a = torch.randn(10, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    graph.negatives = Negatives(log_weight=(a, a.flip(1)))
    value = AggregatedLoss(SimpleConv(aggr="mean"), InfoNCELoss(0.3))(graph.x, graph)
    w, s = (a @ a.flip(1).t()).exp(), (graph.x @ graph.x.roll(5, 0).t() / 0.3).exp()
    total = 0.0
    for i in range(10):
        total += torch.log1p(sum(w[i, j] * s[i, j] for j in range(10) if j % 5 != i % 5) / s[i, i])
    torch.testing.assert_close(value, total / 10)


@pytest.mark.parametrize("name", CONVS)
def test_trains_encoder_and_layer(name):
    torch.manual_seed(0)
    encoder, conv = nn.Linear(32, 16), CONVS[name](16)
    loss = AggregatedLoss(conv)
    views = make_views(24, noise=0.7)
    parameters = [*encoder.parameters(), *loss.parameters()]
    optimizer, values = torch.optim.Adam(parameters, 0.01), []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(25):
            x = encoder(torch.cat(views))
            graph = AddKNNPositives(k=2)(augmentation_graph(list(x.split(24))))
            value = loss(x, graph)
            optimizer.zero_grad()
            value.backward()
            for key, parameter in [*encoder.named_parameters(), *loss.named_parameters()]:
                # PyG keeps the root weight that it does not use, and a bias of keys shifts all scores of a node alike.
                assert "lin_skip" in key or "lin_key.bias" in key or parameter.grad.abs().max() > 0, key
            optimizer.step()
            values.append(float(value.detach()))
    assert values[-1] < 0.6 * values[0]


def test_sources_are_constant_unless_asked():
    views = [v.double() for v in make_views(5, 4)]
    free = AggregatedLoss(SimpleConv(aggr="mean"), InfoNCELoss(0.3), detach=False)
    leaves = [v.clone().requires_grad_() for v in views]
    assert torch.autograd.gradcheck(free, leaves, fast_mode=True)
    # With two views and gradients on both sides this is NT-Xent.
    torch.testing.assert_close(free(*views), NTXentLoss(0.3)(*views))
    for got, expected in zip(*(torch.autograd.grad(loss(*leaves), leaves) for loss in (free, NTXentLoss(0.3)))):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize(
    ("conv", "cure"),
    [
        (lambda: GCNConv(8, 8), "set add_self_loops=False"),
        (lambda: GATv2Conv(8, 8), "set add_self_loops=False"),
        (lambda: SAGEConv(8, 8), "set root_weight=False"),
        (lambda: TransformerConv(-1, 8), "set root_weight=False"),
        (lambda: GINConv(nn.Linear(8, 8)), "choose a layer without self-loops and root weights"),
    ],
)
def test_warns_once_of_layers_that_hand_back_the_node(conv, cure):
    torch.manual_seed(0)
    loss, views = AggregatedLoss(conv()), make_views(5, 8)
    state = torch.get_rng_state()
    with pytest.warns(UserWarning, match=f"hands each node its own embedding.*{cure}"):
        loss.targets(torch.cat(views), augmentation_graph(views))
    if not isinstance(loss.conv, TransformerConv):  # which draws its own weights when it first sees data
        assert torch.equal(torch.get_rng_state(), state)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss(*views)


def test_a_layer_keeps_its_mode_and_state():
    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.conv, self.calls = nn.BatchNorm1d(8), SimpleConv(aggr="mean"), 0

        def forward(self, x, edge_index):
            self.calls += 1
            return self.conv(self.norm(x), edge_index)

    loss = AggregatedLoss(Normed())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss(*make_views(5, 8))
    assert loss.conv.calls == 1 and loss.conv.training and int(loss.conv.norm.num_batches_tracked) == 1


@pytest.mark.parametrize("loss", [DCLLoss(0.2), NTXentLoss(0.2), VICRegLoss()])
def test_other_losses_take_targets(loss):
    views = [v.requires_grad_() for v in make_views(6)]
    AggregatedLoss(SimpleConv(aggr="mean"), loss)(*views).backward()
    assert all(v.grad.isfinite().all() and v.grad.abs().max() > 0 for v in views)


def test_wrong_arguments():
    views = make_views(5, 8)
    with pytest.raises(ValueError, match=r"'conv\(x, edge_index\)' must have shape \[10, 8\]"):
        AggregatedLoss(GATv2Conv(8, 8, heads=2, add_self_loops=False))(*views)
    with pytest.raises(ValueError, match=r"'conv' must be a layer of PyG \(got NoneType None\)"):
        AggregatedLoss(None)
    with pytest.raises(ValueError, match="'loss' must be a GraphLoss"):
        AggregatedLoss(SimpleConv(), nn.MSELoss())
    with pytest.raises(ValueError, match="does not gather by itself"):
        AggregatedLoss(SimpleConv(), InfoNCELoss(0.2, gather_distributed=True))
    graph = augmentation_graph(views, negatives=Negatives(scope="other"))
    with pytest.raises(ValueError, match=r"'graph\.negatives' must have neither a scope nor candidates"):
        AggregatedLoss(SimpleConv())(graph.x, graph)


RECIPE = {
    "SimpleConv": "{aggr: mean}",
    "GCNConv": "{in_channels: 8, out_channels: 8, add_self_loops: false}",
    "SAGEConv": "{in_channels: 8, out_channels: 8, root_weight: false}",
    "GATv2Conv": "{in_channels: 8, out_channels: 8, heads: 2, concat: false, add_self_loops: false}",
    "TransformerConv": "{in_channels: 8, out_channels: 8, heads: 2, concat: false, root_weight: false}",
}


@pytest.mark.parametrize("conv", RECIPE)
def test_named_in_a_recipe(conv):
    jsonargparse = pytest.importorskip("jsonargparse")
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--loss", type=nn.Module)
    text = f"""
loss:
  class_path: gnnclr.losses.aggregated.AggregatedLoss
  init_args:
    conv: {{class_path: torch_geometric.nn.{conv}, init_args: {RECIPE[conv]}}}
    loss: {{class_path: gnnclr.losses.InfoNCELoss, init_args: {{temperature: 0.1}}}}
"""
    loss = parser.instantiate(parser.parse_string(text)).loss
    assert type(loss.conv).__name__ == conv and float(loss.loss.conv.temperature) == 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert loss(*make_views(5, 8)).isfinite()


def test_targets_of_the_own_group_do_not_repel():
    views, loss = make_views(6), AggregatedLoss(SimpleConv(aggr="mean"), InfoNCELoss(0.2))
    graph = augmentation_graph(views)
    graph.group = graph.sample // 2
    values = []
    for exclude in ("group", "positives", "sample"):
        graph.negatives = Negatives(exclude=exclude)
        values.append(loss(graph.x, graph))
    # All positives lie within groups, so both rules leave the same pairs; by sample more are left.
    torch.testing.assert_close(values[0], values[1])
    assert values[2] > values[0]


def test_a_node_is_no_negative_of_itself():
    views, loss = make_views(5), AggregatedLoss(SimpleConv(aggr="mean"), InfoNCELoss(0.2))
    graph = augmentation_graph(views)
    pairs = torch.cartesian_prod(torch.arange(10), torch.arange(10)).t()
    graph.negative_index = pairs[:, graph.sample[pairs[0]] != graph.sample[pairs[1]]]
    expected = loss(graph.x, graph)
    graph.negative_index = torch.cat([graph.negative_index, torch.arange(10).expand(2, -1)], dim=1)
    torch.testing.assert_close(loss(graph.x, graph), expected)
