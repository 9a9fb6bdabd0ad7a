import pytest
import torch
from torch import nn

from gnnclr.graph import ContrastGraph, augmentation_graph
from gnnclr.nn import ContrastiveConv, LearnedUpdate
from gnnclr.ops.unit_rows import unit_rows


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def views(n=3, d=4, v=2):
    return augmentation_graph([draw(n, d, seed=i) for i in range(v)])


def learned(state=3, hidden=5, seed=0):
    """A layer whose networks are not zero."""
    torch.manual_seed(seed)
    layer = LearnedUpdate(0.3, state, hidden).double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5)
    return layer


def literal(layer, z, graph, state):
    """Pair by pair."""
    n, tau = len(z), layer.temperature
    z = [row / row.norm() for row in z]
    positives = [{int(s) for s, t in graph.positives.t() if int(t) == i} for i in range(n)]
    share = torch.zeros(n, n, dtype=torch.float64)
    for i in range(n):
        others = {j: torch.exp(z[i] @ z[j] / tau) for j in range(n) if j != i}
        for j, value in others.items():
            share[i, j] = value / sum(others.values())
    rows, states = [], []
    for i in range(n):
        message, heard = 0, 0
        for j in range(n):
            if j == i:
                continue
            y = 1 / len(positives[i]) if j in positives[i] else 0.0
            seen = [z[i] @ z[j], float(y > 0), torch.log(1 + n * share[i, j]), torch.log(1 + n * share[j, i])]
            seen = torch.cat([torch.tensor(seen, dtype=torch.float64), state[i], state[j]])
            said = layer.edge(seen)
            message = message + ((y - (share[i, j] + share[j, i]) / 2) * said[0].exp() + said[1] / n) * z[j]
            heard = heard + said[2:] / n
        states.append(layer.node(heard.unsqueeze(0), state[i].unsqueeze(0))[0])
        message = message - (message @ z[i]) * z[i]
        row = z[i] + layer.gain(states[-1]).exp() * message
        rows.append(row / row.norm())
    return torch.stack(rows), torch.stack(states)


@pytest.mark.parametrize("n,d,v", [(1, 2, 2), (3, 4, 2), (2, 1, 3), (4, 9, 2)])
def test_equals_the_formula(n, d, v):
    graph, layer = views(n, d, v), learned()
    state = draw(n * v, 3, seed=9)
    for found, expected in zip(layer(graph.x, graph, state), literal(layer, graph.x, graph, state)):
        torch.testing.assert_close(found, expected)


def test_positives_may_go_one_way():
    edges = torch.tensor([[1, 2, 3], [0, 0, 1]])  # the third and the fourth have none
    graph, layer = ContrastGraph(x=draw(4, 3), edge_index=edges), learned()
    state = draw(4, 3, seed=9)
    for found, expected in zip(layer(graph.x, graph, state), literal(layer, graph.x, graph, state)):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("n", [2, 7])
def test_the_first_update_is_a_step_of_the_gradient(n):
    graph = views(n, 5)
    layer, z = LearnedUpdate(0.3).double(), unit_rows(graph.x)
    message = ContrastiveConv(0.3)(z, graph) * (len(z) * 0.3 / 2)
    tangent = message - (message * z).sum(dim=1, keepdim=True) * z
    torch.testing.assert_close(layer(graph.x, graph)[0], unit_rows(z + tangent))


def test_commutes_with_permutations_and_rotations():
    graph, layer, order = views(4, 5), learned(), torch.tensor([6, 0, 3, 1, 7, 2, 5, 4])
    rotation = torch.linalg.qr(draw(5, 5))[0]
    place = order.argsort()
    moved = ContrastGraph(x=graph.x[order] @ rotation, edge_index=place[graph.positives])
    state = draw(8, 3, seed=5)
    z, h = layer(graph.x, graph, state)
    found_z, found_h = layer(moved.x, moved, state[order])
    torch.testing.assert_close(found_z, z[order] @ rotation)
    torch.testing.assert_close(found_h, h[order])


def test_gradients_are_derivatives():
    graph, layer = views(2, 3), learned(2, 3)
    x, state = graph.x.clone().requires_grad_(), draw(4, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, state: layer(x, graph, state), (x, state))


def test_rounds_hand_on_the_state():
    graph, layer = views(), learned()
    z, state = layer(graph.x, graph)
    again = layer(z, graph, state)[0]
    found = layer.unroll(graph.x, graph, 2)
    torch.testing.assert_close(found, [unit_rows(graph.x), z, again])
    assert not torch.allclose(again, layer(z, graph)[0])


def test_single_nodes_stay():
    layer, graph = LearnedUpdate(), ContrastGraph(x=torch.tensor([[3.0, 4.0]]), edge_index=torch.empty(2, 0).long())
    assert torch.equal(layer(graph.x, graph)[0], unit_rows(graph.x))


def test_wrong_arguments():
    graph, layer = views(), LearnedUpdate().double()
    with pytest.raises(ValueError, match="'temperature' must be a positive number"):
        LearnedUpdate(0)
    with pytest.raises(ValueError, match="'state' must be a positive integer"):
        LearnedUpdate(state=0)
    with pytest.raises(ValueError, match="'graph' must be a ContrastGraph of 5 nodes"):
        layer(graph.x[:5], graph)
    with pytest.raises(ValueError, match=r"'state' must have shape \[6, 8\]"):
        layer(graph.x, graph, draw(6, 2))
    with pytest.raises(ValueError, match="'rounds' must be a positive integer"):
        layer.unroll(graph.x, graph, 0)
    assert str(LearnedUpdate()) == "LearnedUpdate(temperature=0.5, state=8, hidden=16)"
