import copy
import pickle

import pytest
import torch
import torch_geometric.transforms as T
from devices import needs_cuda

from gnnclr.graph import AddNeighborPositives, DropNegatives, augmentation_graph, knn_graph
from gnnclr.graph.communities import (
    EdgeCommunities,
    ExcludeCommunity,
    PropagatedCommunities,
    WeighCommunity,
    louvain,
    propagated_kmeans,
)
from gnnclr.node import (
    GRACE,
    FittedRewiring,
    GCNEncoder,
    PropagatedNeighbors,
    WithFeatures,
    propagate_features,
    sbm,
)

DATA = sbm(60, 3, 30)
X, EDGES = DATA.x, DATA.edge_index


def batch():
    return augmentation_graph([X[:, :5], X[:, 5:10]])


def loss_of(rewire):
    torch.manual_seed(0)
    method = GRACE(GCNEncoder(30, 8, 8), rewire=rewire)
    return method.training_step_loss(DATA)[0]


BY_HAND = {
    "exclude": (
        FittedRewiring(EdgeCommunities(), ExcludeCommunity, seed=3),
        lambda: ExcludeCommunity(louvain(EDGES, 60, seed=3)),
    ),
    "weigh": (
        FittedRewiring(PropagatedCommunities(4, rank=8), lambda community: WeighCommunity(community, rho=0.2)),
        lambda: WeighCommunity(propagated_kmeans(X, EDGES, 4, rank=8), 0.2),
    ),
    "knn": (
        FittedRewiring(PropagatedNeighbors(k=5), AddNeighborPositives),
        lambda: AddNeighborPositives(knn_graph(propagate_features(X, EDGES), 5, cosine=True)),
    ),
}


@needs_cuda
@pytest.mark.parametrize("name", BY_HAND)
def test_cuda(name):
    torch.manual_seed(0)
    method = GRACE(GCNEncoder(30, 8, 8), views=(T.Compose([]), T.Compose([])), rewire=BY_HAND[name][0])
    expected = method.training_step_loss(DATA)[0]
    actual = copy.deepcopy(method).cuda().training_step_loss(DATA.clone().cuda())[0]
    assert actual.is_cuda
    torch.testing.assert_close(actual.cpu(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", BY_HAND)
def test_equals_the_rule_built_by_hand(name):
    fitted, by_hand = BY_HAND[name]
    one, other = fitted.fit(DATA)(batch()), by_hand()(batch())
    assert torch.equal(one.edge_index, other.edge_index) and torch.equal(one.group, other.group)
    assert repr(one.negatives) == repr(other.negatives)
    if one.negatives.log_weight is not None:
        assert all(map(torch.equal, one.negatives.log_weight, other.negatives.log_weight))
    expected = loss_of(by_hand())
    assert torch.equal(loss_of(fitted), expected) and not torch.equal(expected, loss_of(None))
    # Also among other rewirings.
    drop = DropNegatives(0.2)
    assert torch.equal(loss_of(T.Compose([fitted, T.Compose([drop])])), loss_of(T.Compose([by_hand(), drop])))


class Find:
    """Counts its calls."""

    def __init__(self):
        self.seeds = []

    def __call__(self, x, edge_index, seed):
        self.seeds.append(seed)
        return louvain(edge_index, x.size(0), seed=seed)


def test_found_once_a_graph_and_anew_every_so_many_epochs():
    find = Find()
    method = GRACE(GCNEncoder(30, 8, 8), rewire=FittedRewiring(find, ExcludeCommunity))
    for epoch in range(3):
        method.start_epoch(epoch)
        method.training_step_loss(DATA)
    assert find.seeds == [0]
    other = DATA.clone()
    method.training_step_loss(other)
    assert find.seeds == [0, 0]

    find = Find()
    rewire = T.Compose([FittedRewiring(find, ExcludeCommunity, every=2, seed=10)])
    method = WithFeatures(GRACE(GCNEncoder(30, 8, 8), rewire=rewire))
    for epoch in range(5):
        method.start_epoch(epoch)
        method.training_step_loss(DATA)
        method.training_step_loss(DATA)
    assert find.seeds == [10, 11, 12]


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_are_fitted_on_their_own(twin):
    rewire = FittedRewiring(EdgeCommunities(), ExcludeCommunity).fit(DATA)
    other = twin(rewire)
    with pytest.raises(ValueError, match="'FittedRewiring' must be fitted before it is used"):
        other(batch())
    assert torch.equal(other.fit(DATA)(batch()).group, rewire(batch()).group)


def test_repr():
    rewire = FittedRewiring(PropagatedNeighbors(5), AddNeighborPositives)
    assert repr(rewire) == "FittedRewiring(PropagatedNeighbors(k=5, hops=2), not fitted)"
    assert "AddNeighborPositives(edges=300" in repr(rewire.fit(DATA))


@pytest.mark.parametrize(
    ("kwargs", "match"),
    [
        ({"find": 3}, "'find' must be callable"),
        ({"rule": 3}, "'rule' must be callable"),
        ({"every": 0}, "'every' must be a positive integer or None"),
    ],
)
def test_errors(kwargs, match):
    with pytest.raises(ValueError, match=match):
        FittedRewiring(**({"find": EdgeCommunities(), "rule": ExcludeCommunity} | kwargs))
