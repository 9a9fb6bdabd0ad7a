import copy
import pickle
from functools import partial

import pytest
import torch
from contracts.rewiring import RewiringContract, batch

from gnnclr.graph import AddNeighborPositives, DataNeighborRewiring

EDGES = torch.tensor([[8, 2, 3], [2, 0, 7]])


class TestDataNeighborRewiring(RewiringContract):
    def make(self):
        return DataNeighborRewiring().bind(EDGES)


def test_is_its_rule_of_the_edges_at_hand():
    rewire = DataNeighborRewiring(partial(AddNeighborPositives, weight=0.2))
    for edges in (EDGES, EDGES.flip(0)):
        out, expected = rewire.bind(edges)(batch()), AddNeighborPositives(edges, weight=0.2)(batch())
        assert torch.equal(out.edge_index, expected.edge_index) and out.edge_index.size(1) > 10
        assert torch.equal(out.edge_weight, expected.edge_weight)
    assert torch.equal(rewire.bind(EDGES[:, :0])(batch()).edge_index, batch().edge_index)


def test_the_same_edges_make_no_other_rule():
    made = []
    rewire = DataNeighborRewiring(lambda edges: made.append(edges) or AddNeighborPositives(edges))
    for edges in (EDGES, EDGES.clone(), EDGES.flip(0)):
        rewire.bind(edges)
    assert len(made) == 2


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_are_bound_on_their_own(twin):
    other = twin(DataNeighborRewiring().bind(EDGES))
    with pytest.raises(
        ValueError, match=r"'DataNeighborRewiring' must be fitted .*bind\(edge_index\), or say 'data.nei"
    ):
        other(batch())
    assert other.bind(EDGES)(batch()).validate()


def test_wrong_rules():
    with pytest.raises(ValueError, match="'rule' must be callable"):
        DataNeighborRewiring(3)
    with pytest.raises(ValueError, match="'edge_index' must not be negative"):
        DataNeighborRewiring().bind(EDGES - 3)


def test_repr():
    assert str(DataNeighborRewiring()) == "DataNeighborRewiring(not fitted)"
    assert "AddNeighborPositives(edges=3" in str(DataNeighborRewiring().bind(EDGES))
