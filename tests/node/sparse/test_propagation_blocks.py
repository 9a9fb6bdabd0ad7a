import pytest
import torch

from gnnclr.graph.weighted_edges import WeightedEdges
from gnnclr.node import ppr_features, propagated_blocks, sbm
from gnnclr.node.sparse.propagation_blocks import CONCATENATION, blocks_text


def literal(x, edge_index, weight, alpha, hops):
    """PPR by a dense matrix with self-loops of weight one, in float64."""
    n = x.size(0)
    a = torch.eye(n, dtype=torch.float64)
    for (i, j), w in zip(edge_index.T.tolist(), weight.tolist()):
        a[j, i] += w
    degree = a.sum(dim=1)
    a = a / degree.sqrt().outer(degree.sqrt())
    h = x.double()
    for _ in range(hops):
        h = (1 - alpha) * a @ h + alpha * x.double()
    return h


def test_blocks_are_propagated_and_have_rows_of_length_one():
    data = sbm(30, num_features=5)
    weight = torch.rand(data.num_edges // 2)
    data = data.clone()
    pairs = data.edge_index[:, data.edge_index[0] < data.edge_index[1]]
    edges = WeightedEdges(torch.cat([pairs, pairs.flip(0)], dim=1), torch.cat([weight, weight]))
    blocks = [(0.5, 4), (0.2, 3), (0.0, 2)]
    found = propagated_blocks(data.x, edges, blocks)
    expected = [literal(data.x, edges.edge_index, edges.edge_weight, *block) for block in blocks]
    expected = torch.cat([h / h.norm(dim=1, keepdim=True) for h in expected], dim=1)
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-4)
    assert propagated_blocks(data.x, data.edge_index).shape == (30, 5 * len(CONCATENATION))


def test_one_block_stays_as_it_is():
    data = sbm(30, num_features=5)
    assert torch.equal(
        propagated_blocks(data.x, data.edge_index, [(0.1, 2)]), ppr_features(data.x, data.edge_index, 0.1, 2)
    )
    one = propagated_blocks(torch.zeros(1, 3), torch.empty(2, 0, dtype=torch.int64))  # a row of zeros stays
    assert torch.equal(one, torch.zeros(1, 9))


@pytest.mark.parametrize("blocks", [[], [0.1, 2], "ab", [(0.1,)], [(1.5, 2)], [(0.1, -1)], [(0.1, 2.5)], None])
def test_what_are_no_blocks_is_refused(blocks):
    with pytest.raises(ValueError, match="'blocks' must be"):
        propagated_blocks(torch.rand(3, 2), torch.tensor([[0], [1]]), blocks)


def test_blocks_in_words():
    assert blocks_text([(0.05, 10)]) == "ppr(0.05, 10)"
    assert blocks_text(CONCATENATION) == "[ppr(0.5, 4), ppr(0.2, 10), ppr(0.05, 10)]"
