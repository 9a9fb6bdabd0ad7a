import math

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch_geometric.utils import scatter, softmax

from gnnclr.nn.samp import SelfAttentionMessagePassing


def batch(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def literal(layer, x):
    """Messages along the edges of the complete graph with self-loops, edge by edge and head by head."""
    n, d = x.shape
    heads, attn = layer.self_attn.num_heads, layer.self_attn
    source, target = torch.cartesian_prod(torch.arange(n), torch.arange(n)).t()
    q, k, v = F.linear(x, attn.in_proj_weight, attn.in_proj_bias).view(n, 3, heads, d // heads).unbind(1)
    score = (q[target] * k[source]).sum(dim=-1) / math.sqrt(d // heads)
    weight = softmax(score, target, num_nodes=n)
    message = scatter(weight.unsqueeze(-1) * v[source], target, dim=0, dim_size=n).reshape(n, d)
    h = layer.norm1(x + attn.out_proj(message))
    return layer.norm2(h + layer.linear2(layer.linear1(h).relu()))


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("train", [True, False])
def test_equals_message_passing_on_the_complete_graph(layers, train):
    torch.manual_seed(0)
    module = SelfAttentionMessagePassing(8, heads=2, layers=layers).train(train)
    x = batch(7, 8)
    expected = x
    for layer in module.layers:
        expected = literal(layer, expected)
    torch.testing.assert_close(module(x), expected)
    with torch.no_grad():
        torch.testing.assert_close(module(torch.stack([x, 2 * x]))[0], expected)
    (grad,) = torch.autograd.grad(module(x.requires_grad_()).square()[:, 0].sum(), x)
    assert grad.abs().min() > 0  # every sample hears from every other
    assert module.layers[0].linear1.out_features == 32


def test_order_of_samples_does_not_matter():
    module, x, order = SelfAttentionMessagePassing(8), batch(6, 8), torch.randperm(6)
    torch.testing.assert_close(module(x[order]), module(x)[order])


def test_dropout():
    module, x = SelfAttentionMessagePassing(8, dropout=0.5), batch(6, 8)
    assert not torch.equal(module(x), module(x))
    module.eval()
    assert torch.equal(module(x), module(x))


def test_an_episode_is_refined_together():
    module = SelfAttentionMessagePassing(8).eval()
    support, query = batch(3, 5, 8), batch(3, 9, 8, seed=1)
    with torch.no_grad():
        new_support, new_query = module.adapt(support, query)
        joint = module(torch.cat([support[1], query[1]]))
    torch.testing.assert_close(new_support[1], F.normalize(joint[:5], dim=1))
    torch.testing.assert_close(new_query[1], F.normalize(joint[5:], dim=1))


def test_reset_draws_as_the_constructor_does():
    torch.manual_seed(0)
    module = SelfAttentionMessagePassing(64, layers=2)
    before = {name: (p.detach().clone(), float(p.detach().std())) for name, p in module.named_parameters()}
    module.reset_parameters()
    for name, p in module.named_parameters():
        old, std = before[name]
        assert abs(float(p.detach().std()) - std) <= 0.3 * std, name
        assert "weight" not in name or "norm" in name or not torch.equal(p, old)


class Largest(TorchDispatchMode):
    """Remembers the size of the largest tensor that is made."""

    entries = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        sizes = [t.numel() for t in tree_leaves(out) if isinstance(t, torch.Tensor)]
        self.entries = max([self.entries, *sizes])
        return out


def test_memory_is_linear():
    module = SelfAttentionMessagePassing(8, heads=2, layers=2)
    with Largest() as largest:
        module(batch(600, 8)).sum().backward()
        with torch.no_grad():
            module.eval()(batch(600, 8))
    assert largest.entries == 600 * 32  # the hidden layer; weights of attention would be 600 x 600


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"'heads' must divide the 6 channels \(got 4\)"):
        SelfAttentionMessagePassing(6)
    with pytest.raises(ValueError, match="'layers' must be a positive integer"):
        SelfAttentionMessagePassing(8, layers=0)
    with pytest.raises(ValueError, match="'dropout' must be a finite number, at least 0, below 1"):
        SelfAttentionMessagePassing(8, dropout=1)
    with pytest.raises(ValueError, match=r"'x' must have shape \[n, 8\] or \[b, n, 8\]"):
        SelfAttentionMessagePassing(8)(batch(5, 7))
