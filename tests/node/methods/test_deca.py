import pytest
import torch

from gnnclr.node import deca_loss, sbm


def literal(assignment, edge_index, weight):
    """The algebra of the dense n × n adjacency matrix."""
    n = assignment.size(0)
    adjacency = torch.zeros(n, n, dtype=assignment.dtype)
    adjacency[edge_index[0], edge_index[1]] = 1
    community = assignment.t() @ adjacency @ assignment
    total = weight * community.sum() - (n - 1 + weight) * community.trace()
    return total / (n * (n - 1)) + (assignment.t() @ assignment).trace() / (2 * n)


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("weight", [0.1, 1.0, 3.0])
def test_value_and_gradient_equal_the_dense_algebra(directed, weight):
    torch.manual_seed(0)
    edge_index = sbm(40, num_features=4).edge_index
    if directed:
        edge_index = edge_index[:, torch.rand(edge_index.size(1)) < 0.6]
    logits = torch.randn(40, 5, dtype=torch.double, requires_grad=True)
    expected = literal(logits.softmax(dim=1), edge_index, weight)
    actual = deca_loss(logits.softmax(dim=1), edge_index, weight)
    assert actual.item() == pytest.approx(expected.item(), abs=1e-10)
    grads = [torch.autograd.grad(loss, logits)[0] for loss in (actual, expected)]
    assert torch.allclose(*grads, atol=1e-10)


def test_by_hand():
    # Two pairs, each a community: all four directed edges inside, D_inter = 0, D_intra = (4 − 4 / 2) / 4.
    edge_index = torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]])
    hard = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    assert deca_loss(hard, edge_index).item() == pytest.approx(-0.5)
    # Crossed: no edge inside, λ 4 / 12 + 1 / 2.
    crossed = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    assert deca_loss(crossed, edge_index, 3.0).item() == pytest.approx(1.5)


def test_graphs_without_edges():
    assert deca_loss(torch.full((3, 2), 0.5), torch.empty(2, 0, dtype=torch.long)).item() == pytest.approx(0.25)


def test_errors():
    with pytest.raises(ValueError, match="'assignment' must be a floating point tensor"):
        deca_loss(torch.zeros(3, dtype=torch.long), torch.empty(2, 0, dtype=torch.long))
    with pytest.raises(ValueError, match="'edge_index' must be an integer tensor"):
        deca_loss(torch.zeros(3, 2), torch.empty(3, 0, dtype=torch.long))


def test_no_nodes_and_edges_of_others():
    assert deca_loss(torch.empty(0, 3), torch.empty(2, 0, dtype=torch.long)) == 0
    with pytest.raises(ValueError, match="'edge_index' must hold nodes between 0 and 1"):
        deca_loss(torch.full((2, 2), 0.5), torch.tensor([[0], [2]]))
