from itertools import pairwise

import pytest
import torch
from contracts.loss import make_views, relative, unit
from torch import nn
from torch.func import functional_call

from gnnclr.graph import AddKNNPositives, augmentation_graph
from gnnclr.nn import ContrastiveConv, PairConv, Update, WeightedSum
from gnnclr.nn.attention import AttentionAlignmentConv, MultiHeadAttention
from gnnclr.nn.jumping import MODES, JumpingKnowledgeConv


def graph_of(n=6, d=8, neighbors=False):
    graph = augmentation_graph([unit(v) for v in make_views(n, d)])
    return AddKNNPositives(k=2)(graph) if neighbors else graph


def literal_rounds(z, graph, conv, rounds, step_size, constant):
    """z^1 ... z^K; ``constant`` cuts off gradients of the messages."""
    out, start = [], z
    for _ in range(rounds):
        message = conv(start.detach(), graph)
        assert constant and not message.requires_grad
        out.append(start + step_size * len(z) * message)
        start = out[-1] / out[-1].norm(dim=1, keepdim=True)
    return out


JOIN = {
    "last": lambda xs: xs[-1],
    "mean": lambda xs: sum(xs) / len(xs),
    "max": lambda xs: torch.stack(xs).amax(0),
}


@pytest.mark.parametrize("neighbors", [False, True])
@pytest.mark.parametrize("mode", JOIN)
def test_one_round_to_a_target_is_the_plain_update(mode, neighbors):
    graph, conv = graph_of(neighbors=neighbors), ContrastiveConv(0.3)
    for step_size in (1e-6, 0.05, 3.0):
        jump = JumpingKnowledgeConv(conv, 1, step_size, mode, "target")
        assert relative(jump(graph.x, graph), conv(graph.x, graph)) < 1e-12
    z = graph.x.clone().requires_grad_()
    (grad,) = torch.autograd.grad(jump.energy(z, graph), z)
    assert relative(-grad, conv(graph.x, graph)) < 1e-12


@pytest.mark.parametrize("mode", JOIN)
def test_target_equals_a_literal_loop(mode):
    graph, conv = graph_of(neighbors=True), ContrastiveConv(0.3)
    expected = JOIN[mode](literal_rounds(graph.x, graph, conv, 3, 0.04, True)) - graph.x
    jump = JumpingKnowledgeConv(conv, 3, 0.04, mode, "target")
    torch.testing.assert_close(jump(graph.x, graph), expected / (0.04 * 12), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("mode", JOIN)
def test_messages_equal_a_literal_loop(mode):
    graph, conv = graph_of(neighbors=True), ContrastiveConv(0.3)
    z = graph.x.clone().requires_grad_()
    r = JOIN[mode](literal_rounds(z, graph, conv, 3, 0.04, True))
    expected = conv.energy(r / r.norm(dim=1, keepdim=True), graph)
    (expected_grad,) = torch.autograd.grad(expected, z)
    jump = JumpingKnowledgeConv(conv, 3, 0.04, mode)
    energy = jump.energy(z, graph)
    (grad,) = torch.autograd.grad(energy, z)
    assert relative(energy.detach(), expected.detach()) < 1e-12 and relative(grad, expected_grad) < 1e-11
    assert torch.equal(jump(graph.x, graph), -grad)


class Energy(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, z, graph):
        return self.conv.energy(z, graph)


@pytest.mark.parametrize("mode", ["cat", "lstm"])
def test_gradcheck_of_the_read_out(mode):
    torch.manual_seed(0)
    graph, conv = graph_of(4, 2), ContrastiveConv(0.3)
    energy = Energy(JumpingKnowledgeConv(conv, 2, 0.1, mode, channels=2)).double()
    names, values = zip(*((name, p.detach().clone().requires_grad_()) for name, p in energy.named_parameters()))

    def of_parameters(*values):
        return functional_call(energy, dict(zip(names, values)), (graph.x, graph))

    assert torch.autograd.gradcheck(of_parameters, values)
    grads = dict(zip(names, torch.autograd.grad(of_parameters(*values), values)))
    # The bias of the attention shifts all rounds alike.
    assert all(g.abs().max() > 0 for name, g in grads.items() if name != "conv.read_out.att.bias"), grads


def test_cat_starts_as_the_mean():
    graph, conv = graph_of(), ContrastiveConv(0.3)
    cat, mean = (JumpingKnowledgeConv(conv, 3, 0.04, mode, channels=8).double() for mode in ("cat", "mean"))
    assert relative(cat.energy(graph.x, graph).detach(), mean.energy(graph.x, graph)) < 1e-6
    assert relative(cat(graph.x, graph), mean(graph.x, graph)) < 1e-6


@pytest.mark.parametrize("tau", [0.5, 0.1])
def test_energy_falls_along_rounds(tau):
    graph, conv = graph_of(32, 16), ContrastiveConv(tau)
    energies = [float(conv.energy(graph.x, graph))]
    for rounds in (1, 2, 3, 4):
        jump = JumpingKnowledgeConv(conv, rounds, mode="last")
        energies.append(float(jump.energy(graph.x, graph)))
    assert all(a > b for a, b in pairwise(energies))


def test_learned_parts_of_the_layer_are_trained():
    torch.manual_seed(0)
    tau = nn.Parameter(torch.tensor(0.3))
    alignment = AttentionAlignmentConv(tau, MultiHeadAttention(8))
    graph, jump = graph_of(neighbors=True), JumpingKnowledgeConv(ContrastiveConv(alignment=alignment), 2)
    jump.energy(graph.x.float(), graph).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in jump.parameters())


def test_a_sum_may_hold_it():
    graph, conv = graph_of(), ContrastiveConv(0.3)
    jump = JumpingKnowledgeConv(conv, 2)
    both = WeightedSum((0.5, conv), (2.0, jump))
    expected = 0.5 * conv.energy(graph.x, graph) + 2 * jump.energy(graph.x, graph)
    torch.testing.assert_close(both.energy(graph.x, graph), expected)


def test_a_layer_without_energy_is_repeated_too():
    class Pull(PairConv):
        def step(self, z, graph):
            return Update(
                None, self.messages_both_ways(z, graph, graph.edge_index, z.new_ones(graph.edge_index.size(1)))
            )

    graph = graph_of()
    message = JumpingKnowledgeConv(Pull(), 1, 0.1, stop_gradient="target")(graph.x, graph)
    torch.testing.assert_close(message, 2 * graph.x.roll(6, 0))


def test_wrong_arguments():
    conv = ContrastiveConv(0.3)
    for mode in ("cat", "lstm"):
        with pytest.raises(ValueError, match=f"'channels' must be the width of the embeddings for mode='{mode}'"):
            JumpingKnowledgeConv(conv, mode=mode)
        with pytest.raises(ValueError, match="'stop_gradient' must be 'messages' where something is learned"):
            JumpingKnowledgeConv(conv, mode=mode, channels=8, stop_gradient="target")
    with pytest.raises(ValueError, match="'stop_gradient' must be 'messages' where something is learned"):
        JumpingKnowledgeConv(ContrastiveConv(nn.Parameter(torch.tensor(0.3))), stop_gradient="target")
    with pytest.raises(ValueError, match="'rounds' must be a positive integer"):
        JumpingKnowledgeConv(conv, 0)
    with pytest.raises(ValueError, match="'step_size' must be a positive number"):
        JumpingKnowledgeConv(conv, step_size=0.0)
    with pytest.raises(ValueError, match="'mode' must be one of 'last', 'mean'"):
        JumpingKnowledgeConv(conv, mode="sum")
    with pytest.raises(ValueError, match="'stop_gradient' must be one of"):
        JumpingKnowledgeConv(conv, stop_gradient="all")


@pytest.mark.parametrize("mode", MODES)
def test_half_precision_and_repr(mode):
    graph = graph_of()
    jump = JumpingKnowledgeConv(ContrastiveConv(0.3), 2, 0.04, mode, channels=8)
    assert jump(graph.x.half(), graph).dtype == torch.float16
    torch.testing.assert_close(jump(graph.x.half(), graph).float(), jump(graph.x.float(), graph), rtol=1e-2, atol=1e-3)
    assert f"rounds=2, step_size=0.04, mode='{mode}', stop_gradient='messages'" in str(jump)
