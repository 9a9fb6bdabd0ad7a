import copy

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch_geometric.nn import GCN, GCNConv
from torch_geometric.utils import coalesce, remove_self_loops, to_dense_adj

from gnnclr.eval import effective_rank
from gnnclr.graph import ContrastGraph, Negatives
from gnnclr.nn import UniformityConv, contra_norm
from gnnclr.nn.contra_norm import ContraNorm
from gnnclr.node import sbm


def features(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def edges(n=9, e=20, seed=1):
    return torch.randint(n, (2, e), generator=torch.Generator().manual_seed(seed))


def attention(x, temperature, edge_index=None):
    """The matrix of the layer for one set of rows, as the formula says."""
    unit = x / x.norm(dim=-1, keepdim=True)
    score = unit @ unit.mT / temperature
    if edge_index is not None:
        linked = to_dense_adj(edge_index, max_num_nodes=len(x))[0].t() > 0
        linked |= torch.eye(len(x), dtype=torch.bool)
        for i in range(len(x)):
            if linked[i].all():
                linked[i, i] = False
        score = score.masked_fill(linked, float("-inf"))
    return torch.softmax(score, dim=-1)


def check(layer, x, expected, edge_index=None):
    """Values and gradients for a random direction."""
    leaf = x.clone().requires_grad_()
    out, wanted = layer(leaf, edge_index), expected(leaf)
    torch.testing.assert_close(out, wanted, rtol=1e-11, atol=1e-12)
    direction = features(*x.shape, seed=5)
    grad, wanted_grad = (torch.autograd.grad((t * direction).sum(), leaf, retain_graph=True)[0] for t in (out, wanted))
    torch.testing.assert_close(grad, wanted_grad, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("shape", [(7, 4), (3, 7, 4), (2, 3, 7, 4)])
@pytest.mark.parametrize("identity", [None, True])
@pytest.mark.parametrize("dual_norm", [False, True])
def test_tokens_equal_the_formula(shape, identity, dual_norm):
    def expected(x):
        p = attention(x, 0.4)
        message = (p + p.mT if dual_norm else p) @ x
        return (1.3 if identity else 1) * x - 0.3 * message

    check(ContraNorm(0.3, 0.4, dual_norm=dual_norm, identity=identity), features(*shape), expected)


@pytest.mark.parametrize("tile", [1, 4, 100])
@pytest.mark.parametrize("dual_norm", [False, True])
def test_nodes_equal_the_formula(tile, dual_norm, monkeypatch):
    monkeypatch.setattr(contra_norm, "tile_rows", lambda columns, device: tile)
    # A directed graph with loops and repeated edges, whose first node hears from all others.
    edge_index = torch.cat([edges(), edges()[:, :3], torch.stack([torch.arange(9), torch.zeros(9).long()])], dim=1)

    def expected(x):
        p = attention(x, 0.4, edge_index)
        return 1.3 * x - 0.3 * (p + p.t() if dual_norm else p) @ x

    check(ContraNorm(0.3, 0.4, dual_norm=dual_norm), features(9, 4), expected, edge_index)


def test_gradients_are_derivatives():
    x = features(5, 3).requires_grad_()
    for layer in (ContraNorm(0.5, 0.3), ContraNorm(0.5, 0.3, dual_norm=True)):
        assert torch.autograd.gradcheck(layer, x, fast_mode=True)
        assert torch.autograd.gradcheck(lambda x, layer=layer: layer(x, edges(5, 6)), x, fast_mode=True)


def test_scales_of_channels_and_layer_norm_learn():
    layer = ContraNorm(0.3, channels=4, learnable=True, layer_norm=True).double()
    x = features(6, 4)
    out = layer(x, edges(6, 5))
    expected = 1.3 * x - 0.3 * attention(x, 1.0, edges(6, 5)) @ x
    torch.testing.assert_close(out, torch.nn.functional.layer_norm(expected, (4,), eps=1e-6))
    out.square()[:, 0].sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in layer.parameters())
    with torch.no_grad():
        layer.weight += 1
        layer.norm.weight += 1
    layer.reset_parameters()
    torch.testing.assert_close(layer(x, edges(6, 5)), out)


def test_a_step_is_the_message_of_the_uniformity_update():
    z = torch.nn.functional.normalize(features(8, 5), dim=1)
    n, tau, conv = 8, 0.2, UniformityConv(0.2)
    # Constant candidates: every node sees a copy of all nodes, and nothing comes back.
    constant = ContrastGraph(x=z, bank=z, negatives=Negatives(candidates=()))
    torch.testing.assert_close(ContraNorm(0.7, tau)(z), z + 0.7 * n * tau * conv(z, constant))
    # In a graph, the copies of neighbors and of the node itself are no candidates.
    edge_index = edges(8, 12)
    linked = torch.cat([edge_index, torch.arange(8).expand(2, -1)], dim=1)
    constant.edge_index = linked + torch.tensor([[n], [0]])
    torch.testing.assert_close(ContraNorm(0.7, tau)(z, edge_index), 1.7 * z + 0.7 * n * tau * conv(z, constant))
    # Both ways, it is the update between the nodes.
    both = coalesce(torch.cat([edge_index, edge_index.flip(0)], dim=1))
    between = ContrastGraph(x=z, edge_index=remove_self_loops(both)[0])
    out = ContraNorm(0.7, tau, dual_norm=True)(z, both)
    torch.testing.assert_close(out, 1.7 * z + 0.7 * n * tau * conv(z, between))


def test_few_nodes():
    x, none = features(1, 4), torch.empty(2, 0, dtype=torch.long)
    torch.testing.assert_close(ContraNorm(0.3)(x), 0.7 * x)
    torch.testing.assert_close(ContraNorm(0.3)(x, none), x)
    assert ContraNorm()(features(0, 4)).shape == ContraNorm()(features(0, 4), none).shape == (0, 4)
    complete = torch.cartesian_prod(torch.arange(4), torch.arange(4)).t()
    torch.testing.assert_close(ContraNorm()(features(4, 3), complete), features(4, 3))


@pytest.mark.parametrize("edge_index", [None, edges()])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype, edge_index):
    x = features(9, 8).to(dtype)
    out = ContraNorm(0.5, 0.2)(x, edge_index)
    assert out.dtype == dtype
    expected = ContraNorm(0.5, 0.2)(x.double(), edge_index)
    torch.testing.assert_close(out.double(), expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("edge_index", [None, edges()])
def test_rows_of_zeros_do_no_harm(edge_index):
    x = features(9, 4).float()
    x[3] = 0
    x.requires_grad_()
    ContraNorm()(x, edge_index).square().sum().backward()
    assert x.grad.isfinite().all() and x.grad.abs().max() < 100


def test_features_of_a_deep_network_stay_apart():
    data = sbm(200, num_features=32)
    torch.manual_seed(0)
    convs = [GCNConv(32, 32) for _ in range(16)]

    def rank(norm):
        x = data.x
        with torch.no_grad():
            for conv in convs:
                x = norm(conv(x, data.edge_index)).relu()
                x = x / x.norm()
        return float(effective_rank(x))

    plain, layer = rank(lambda x: x), ContraNorm(1.0)
    assert plain < 2
    assert rank(layer) > 2 * plain
    assert rank(lambda x: layer(x, data.edge_index)) > 2 * plain


def test_as_the_norm_of_a_model():
    data = sbm(60, num_features=12)
    model = GCN(12, 8, 3, 4, norm=ContraNorm(0.5, channels=8, learnable=True))
    assert model.norms[0] is not model.norms[1]
    model(data.x, data.edge_index).square().sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())
    x = model.convs[0](data.x, data.edge_index)
    x = model.convs[1](model.norms[0](x).relu(), data.edge_index)
    x = model.convs[2](model.norms[1](x).relu(), data.edge_index)
    torch.testing.assert_close(model(data.x, data.edge_index), x)


class Largest(TorchDispatchMode):
    """Remembers the size of the largest tensor that is made."""

    entries = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        sizes = [t.numel() for t in tree_leaves(out) if isinstance(t, torch.Tensor)]
        self.entries = max([self.entries, *sizes])
        return out


@pytest.mark.parametrize("kind", ["tokens", "nodes", "dual"])
def test_memory_is_linear(kind, monkeypatch):
    monkeypatch.setattr(contra_norm, "tile_rows", lambda columns, device: 16)
    x = features(600, 8).requires_grad_()
    kept = {}

    def keep(t):
        kept[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes() // 8
        return t

    with Largest() as largest, torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        ContraNorm(dual_norm=kind == "dual")(x, edges(600, 2000) if kind == "nodes" else None).sum().backward()
    assert 600 * 8 <= largest.entries <= 600 * 16  # a tile, or the features
    assert sum(kept.values()) < 10 * 600 * 8  # of the scores nothing is kept for the backward pass


def test_wrong_arguments():
    for name in ("scale", "temperature"):
        with pytest.raises(ValueError, match=f"'{name}' must be a positive number"):
            ContraNorm(**{name: 0})
    with pytest.raises(ValueError, match="'channels' must be given for 'learnable'"):
        ContraNorm(learnable=True)
    with pytest.raises(ValueError, match=r"'x' must be a floating point tensor of shape \[..., n, d\]"):
        ContraNorm()(torch.zeros(5))
    with pytest.raises(ValueError, match="with 3 channels"):
        ContraNorm(channels=3)(torch.zeros(5, 4))
    with pytest.raises(ValueError, match=r"'x' must be of shape \[n, d\] where edges are given"):
        ContraNorm()(torch.zeros(2, 5, 4), edges())
    with pytest.raises(ValueError, match=r"'edge_index' must hold nodes between 0 and 4 \(got 0 to 8\)"):
        ContraNorm()(torch.zeros(5, 4), edges())


def test_repr_and_copies():
    assert str(ContraNorm()) == "ContraNorm(scale=0.5, temperature=1)"
    layer = ContraNorm(0.2, 0.5, channels=3, learnable=True, dual_norm=True, identity=False)
    assert str(layer) == "ContraNorm(scale=0.2, temperature=0.5, learnable, dual_norm, identity=False)"
    other = copy.deepcopy(layer)
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(features(4, 3).float()), layer(features(4, 3).float()))
