import pytest
import torch
import torch.nn.functional as F

from gnnclr.node import PropagatedNeighbors, propagate_features, sbm


@pytest.mark.parametrize("hops", [0, 2])
def test_equals_a_literal_search(hops):
    data = sbm(40, 2, 20)
    h = F.normalize(propagate_features(data.x, data.edge_index, hops), dim=1)
    nearest = (h @ h.t()).fill_diagonal_(-2).topk(3).values.min(dim=1).values
    source, target = PropagatedNeighbors(3, hops)(data.x, data.edge_index)
    assert torch.equal(torch.bincount(target), torch.full((40,), 3)) and (source != target).all()
    assert ((h[source] * h[target]).sum(dim=1) >= nearest[target] - 1e-6).all()


def test_errors():
    positive, count = "'k' must be a positive integer", "'hops' must be an integer, zero or more"
    for kwargs, message in (({"k": 0}, positive), ({"hops": -1}, count), ({"k": True}, positive)):
        with pytest.raises(ValueError, match=message):
            PropagatedNeighbors(**kwargs)
