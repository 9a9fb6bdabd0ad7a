import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnclr.dynamics import simulate, sphere_measures
from gnnclr.graph import AddKNNPositives, ContrastGraph, Negatives, augmentation_graph
from gnnclr.nn import AlignmentConv, ContrastiveConv, PairConv, UniformityConv, Update


def points(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pairs_graph(n=12, d=4, seed=0, **kwargs):
    x = points(2 * n, d, seed)
    return augmentation_graph([x[:n], x[n:]], **kwargs)


def path_graph(n=12, d=3):
    """Every point has its neighbors on a path as positives."""
    here, there = torch.arange(n - 1), torch.arange(1, n)
    edge_index = torch.stack([torch.cat([here, there]), torch.cat([there, here])])
    return ContrastGraph(x=points(n, d), edge_index=edge_index, negatives=Negatives(exclude="self"))


LAYERS = {
    "alignment": AlignmentConv,
    "uniformity": UniformityConv,
    "pair": ContrastiveConv,
    "all": lambda tau: ContrastiveConv(tau, denominator="all"),
    "none": lambda tau: ContrastiveConv(tau, denominator="none"),
}


@pytest.mark.parametrize("layer", LAYERS)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(tau=st.sampled_from([0.05, 0.1, 0.3, 1.0]), n=st.integers(2, 20), d=st.integers(2, 9), seed=st.integers(0, 99))
def test_energy_never_rises_for_a_small_step(layer, tau, n, d, seed):
    graph = pairs_graph(n, d, seed)
    out = simulate(LAYERS[layer](tau), graph, rounds=30, step_size=tau**2 / 4, measures={})
    assert bool((out.energy.diff() <= 1e-12 * out.energy.abs().max()).all()) and out.energy[-1] < out.energy[0]
    torch.testing.assert_close(out.z.norm(dim=1), torch.ones(2 * n, dtype=torch.float64))


def test_equals_the_literal_rounds():
    graph, conv = pairs_graph(), ContrastiveConv(0.5)
    out = simulate(conv, graph, rounds=4, step_size=0.1, positions=True)
    z = F.normalize(graph.x, dim=1)
    for r in range(5):
        torch.testing.assert_close(out.positions[r], z, rtol=1e-12, atol=1e-14)
        leaf = z.clone().requires_grad_()
        energy = conv.energy(leaf, graph)
        assert out.energy[r].item() == pytest.approx(energy.item(), rel=1e-12)
        for name, measure in sphere_measures(graph).items():
            assert out.measures[name][r].item() == pytest.approx(measure(z).item(), rel=1e-9)
        (grad,) = torch.autograd.grad(energy, leaf)
        tangent = torch.stack([(torch.eye(4, dtype=z.dtype) - torch.outer(p, p)) @ -g for p, g in zip(z, grad)])
        z = F.normalize(z + 0.1 * len(z) * tangent, dim=1)
    assert torch.equal(out.positions[4], out.z) and out.round.tolist() == [0, 1, 2, 3, 4]


def test_a_step_means_the_same_for_any_number_of_points():
    small = pairs_graph(6)
    large = augmentation_graph([v.repeat(7, 1) for v in (small.x[:6], small.x[6:])])
    few, many = (simulate(AlignmentConv(0.5), graph, rounds=5).z for graph in (small, large))
    torch.testing.assert_close(many[:6], few[:6])


def test_alignment_alone_contracts_every_pair_to_a_point():
    out = simulate(AlignmentConv(0.5), pairs_graph(), rounds=500, tolerance=1e-10)
    assert out.converged and out.measures["alignment"][-1] < 1e-15
    assert out.measures["positive_similarity"][-1] == pytest.approx(1.0)
    # Pairs do not feel each other: each meets halfway between its two starts.
    x = F.normalize(pairs_graph().x, dim=1)
    torch.testing.assert_close(out.z[:12], F.normalize(x[:12] + x[12:], dim=1), rtol=0, atol=1e-6)


def test_alignment_alone_contracts_a_connected_graph_to_one_point():
    out = simulate(AlignmentConv(0.5), path_graph(), rounds=3000, record_every=100, tolerance=1e-9)
    assert out.measures["effective_rank"][-1] == pytest.approx(1.0, abs=1e-4) and out.measures["uniformity"][-1] > -1e-6


@pytest.mark.parametrize("n,d,seed", [(3, 2, 0), (4, 3, 1), (4, 8, 2), (9, 8, 3)])
def test_uniformity_alone_spreads_few_points_to_a_simplex(n, d, seed):
    graph = ContrastGraph(x=points(n, d, seed))
    out = simulate(UniformityConv(0.5), graph, rounds=2000, step_size=0.125, tolerance=1e-10)
    product = out.z @ out.z.t()
    expected = torch.full_like(product, -1 / (n - 1)).fill_diagonal_(1)
    assert out.converged
    torch.testing.assert_close(product, expected, rtol=0, atol=1e-8)
    assert out.energy[-1].item() == pytest.approx(math.log(n - 1) - 2 / (n - 1))


@pytest.mark.parametrize("d,seed", [(3, 0), (4, 1), (5, 2)])
def test_uniformity_alone_spreads_twice_as_many_points_as_dimensions_to_a_cross_polytope(d, seed):
    graph = ContrastGraph(x=points(2 * d, d, seed))
    out = simulate(UniformityConv(0.1), graph, rounds=2000, step_size=0.005, tolerance=1e-8)
    expected = torch.tensor([-1.0, *[0.0] * (2 * d - 2), 1.0], dtype=torch.float64).expand(2 * d, -1)
    assert out.converged
    torch.testing.assert_close((out.z @ out.z.t()).sort(dim=1).values, expected, rtol=0, atol=1e-6)


def test_alignment_and_uniformity_balance():
    graph = path_graph(8)
    parts = {"alignment": AlignmentConv(0.5), "uniformity": UniformityConv(0.5)}
    both = ContrastiveConv(alignment=parts["alignment"], uniformity=parts["uniformity"], denominator="none")
    options = {"rounds": 2000, "record_every": 100, "parts": parts, "measures": {}, "tolerance": 1e-9}
    runs = {name: simulate(conv, graph, **options) for name, conv in parts.items()}
    out = simulate(both, graph, **options)
    assert out.converged
    for name in parts:  # each part pays for the other
        assert out.parts[name][-1] > runs[name].parts[name][-1] + 0.02
    torch.testing.assert_close(out.energy, out.parts["alignment"] + out.parts["uniformity"])
    # At rest the parts still pull, in opposite directions.
    pull, push = (conv(out.z, graph) for conv in parts.values())
    pull, push = (m - (m * out.z).sum(1, keepdim=True) * out.z for m in (pull, push))
    assert pull.norm() > 1e-2
    torch.testing.assert_close(pull, -push, rtol=0, atol=1e-8)


def test_free_points_leave_the_sphere():
    graph = pairs_graph(5)
    out = simulate(AlignmentConv(0.5), graph, rounds=1, step_size=0.1, retract=False, measures={})
    torch.testing.assert_close(out.z, graph.x + 0.1 * 10 * AlignmentConv(0.5)(graph.x, graph))
    with pytest.raises(ValueError, match="'step_size' must keep the points finite"):
        simulate(AlignmentConv(0.5), graph, rounds=1000, step_size=10, retract=False, measures={})


def test_records():
    graph = pairs_graph()
    out = simulate(AlignmentConv(0.5), graph, rounds=23, record_every=10, measures={"first": lambda z: z[0, 0]})
    assert out.round.tolist() == [0, 10, 20, 23] and not out.converged and out.positions is None
    assert set(out.to_dict()) == {"round", "energy", "first"}
    assert out.measures["first"][-1] == out.z[0, 0]
    still = simulate(AlignmentConv(0.5), graph, z=torch.ones(24, 4), rounds=50, record_every=10, tolerance=0)
    assert still.round.tolist() == [0] and still.converged
    start = graph.x.clone()
    assert torch.equal(simulate(AlignmentConv(0.5), graph).z, simulate(AlignmentConv(0.5), graph).z)
    assert torch.equal(start, graph.x)


class Swirl(PairConv):
    """A layer that descends no energy: points turn around an axis."""

    def __init__(self):
        super().__init__(1.0)

    def step(self, z, graph):
        return Update(None, torch.stack([-z[:, 1], z[:, 0]], dim=1))


def test_layers_without_an_energy():
    graph = ContrastGraph(x=points(7, 2))
    for conv in (Swirl(), lambda z, graph: Swirl()(z, graph)):
        out = simulate(conv, graph, rounds=10, step_size=0.01)
        assert bool(out.energy.isnan().all()) and not torch.allclose(out.z, F.normalize(graph.x, dim=1))
        torch.testing.assert_close(out.z @ out.z.t(), F.normalize(graph.x) @ F.normalize(graph.x).t())


def test_any_object_with_message_and_energy_is_a_layer():
    class Plain:
        def __call__(self, z, graph):
            return ContrastiveConv(0.5)(z, graph)

        def energy(self, z, graph):
            return ContrastiveConv(0.5).energy(z, graph)

    plain, layer = (simulate(conv, pairs_graph(), rounds=5) for conv in (Plain(), ContrastiveConv(0.5)))
    assert torch.equal(plain.z, layer.z) and torch.equal(plain.energy, layer.energy)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_dtypes(dtype):
    graph = pairs_graph()
    reference = simulate(ContrastiveConv(0.5), graph, rounds=50)
    out = simulate(ContrastiveConv(0.5), graph, graph.x.to(dtype), rounds=50, positions=True)
    assert out.z.dtype == out.positions.dtype == torch.promote_types(dtype, torch.float32)
    assert out.energy.dtype == torch.float64
    tolerance = {torch.float64: 0.0, torch.float32: 1e-4, torch.bfloat16: 0.05}[dtype]
    torch.testing.assert_close(out.energy, reference.energy, rtol=tolerance, atol=tolerance)


def test_no_gradient_is_recorded():
    graph = pairs_graph()
    z = graph.x.clone().requires_grad_()
    conv = ContrastiveConv(torch.nn.Parameter(torch.tensor(0.5)))
    out = simulate(conv, graph, z, rounds=3, positions=True)
    assert not out.z.requires_grad and not out.positions.requires_grad and not out.energy.requires_grad
    assert z.grad is None and conv.temperature.grad is None


def test_rewired_graphs_and_views():
    graph = AddKNNPositives(k=3)(pairs_graph(d=5))
    out = simulate(ContrastiveConv(0.5), graph, rounds=100)
    assert out.energy[-1] < out.energy[0] and out.measures["alignment"][-1] < out.measures["alignment"][0]


def test_bad_input():
    graph, conv = pairs_graph(), AlignmentConv(0.5)
    with pytest.raises(ValueError, match="'graph' must be a ContrastGraph"):
        simulate(conv, graph.x)
    with pytest.raises(ValueError, match="'z' must be given"):
        simulate(conv, ContrastGraph(sample=torch.arange(4)))
    with pytest.raises(ValueError, match="'z' must have shape"):
        simulate(conv, graph, graph.x[:-1])
    with pytest.raises(ValueError, match="'step_size' must be a positive number"):
        simulate(conv, graph, step_size=0.0)
    with pytest.raises(ValueError, match="'rounds' must be a positive integer"):
        simulate(conv, graph, rounds=0)
    with pytest.raises(ValueError, match="'record_every' must be a positive integer"):
        simulate(conv, graph, record_every=0)
    with pytest.raises(ValueError, match="'tolerance' must be a finite number, at least 0 or None"):
        simulate(conv, graph, tolerance=-1.0)
