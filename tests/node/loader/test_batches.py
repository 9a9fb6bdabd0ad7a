from itertools import chain

import pytest
import torch
from contracts.epoch import EpochContract
from torch_geometric.nn import MLP

from gnnclr.graph.communities import EdgeCommunities
from gnnclr.node.datasets.data import SparseFeatures
from gnnclr.node.datasets.sbm import sbm
from gnnclr.node.encoders.gcn import GCNEncoder
from gnnclr.node.loader.batches import CommunityLoader, RandomNodeLoader
from gnnclr.node.methods.bgrl import BGRL
from gnnclr.node.methods.dgi import DGI
from gnnclr.node.methods.grace import GRACE

DATA = sbm(61, num_classes=6, num_features=16, degree=5.0)


def make(community=True, data=DATA, **kwargs):
    kwargs = {"batch_size": 20, "seed": 1} | kwargs
    return CommunityLoader(data, data.y, **kwargs) if community else RandomNodeLoader(data, **kwargs)


def rows(batches):
    return [batch.n_id.tolist() for batch in batches]


@pytest.mark.parametrize("community", [True, False])
def test_an_epoch_has_each_node_once(community):
    loader = make(community)
    for _ in range(2):
        batches = list(loader)
        assert [batch.num_nodes for batch in batches] == [16, 15, 15, 15] and len(loader) == 4
        assert sorted(chain(*rows(batches))) == list(range(61))
        assert all(batch.y.equal(DATA.y[batch.n_id]) for batch in batches)


def test_batches_are_several_communities_of_which_two_are_cut():
    loader = make(batch_size=31)
    seen = set()
    for _ in range(6):
        for batch in loader:
            share = torch.bincount(batch.y, minlength=6) / torch.bincount(DATA.y)
            assert int(((share > 0) & (share < 1)).sum()) <= 2 and int((share > 0).sum()) >= 3
            seen.add(tuple(share.nonzero().view(-1).tolist()))
    assert len(seen) > 3  # not the same communities again and again
    kept, random = (sum(batch.num_edges for batch in make(c, batch_size=31)) for c in (True, False))
    assert kept > 1.25 * random


class TestCommunityLoader(EpochContract):
    community = True

    def make(self, **kwargs):
        return make(self.community, **kwargs)

    def rows(self, batches):
        return rows(batches)


class TestRandomNodeLoader(TestCommunityLoader):
    community = False


@pytest.mark.parametrize("community", [True, False])
def test_processes_share_the_batches_of_an_epoch(community):
    loaders = [make(community, batch_size=11, rank=rank, world_size=4) for rank in range(4)]
    batches = [rows(loader) for loader in loaders]
    assert [len(part) for part in batches] == [2] * 4
    assert sorted(chain(*chain(*batches))) == list(range(61))


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("method", [GRACE, BGRL, DGI])
def test_methods_train_on_batches(method, sparse):
    data = SparseFeatures(max_density=1.0)(DATA.clone()) if sparse else DATA
    torch.manual_seed(0)
    args = (MLP([4, 4, 4], norm=None),) if method is GRACE else ()
    method = method(GCNEncoder(16, 8, 4), *args)
    for batch in make(data=data):
        loss = method.training_step_loss(batch)[0]
        loss.backward()
        assert bool(torch.isfinite(loss))
    assert all(bool(torch.isfinite(p.grad).all()) for p in method.encoder.parameters() if p.requires_grad)


def test_one_batch_of_all_nodes_is_the_graph():
    torch.manual_seed(0)
    encoder = GCNEncoder(16, 8, 4)
    (batch,) = make(batch_size=1000)
    z = encoder(batch.x, batch.edge_index)
    assert torch.allclose(z, encoder(DATA.x, DATA.edge_index)[batch.n_id], atol=1e-6)


def test_communities_are_found_once_by_the_seed():
    calls = []

    def find(x, edge_index, seed):
        calls.append(seed)
        return EdgeCommunities("leiden")(x, edge_index, seed)

    loader = CommunityLoader(DATA, find, 20, seed=3)
    found = EdgeCommunities("leiden")(DATA.x, DATA.edge_index, 3)
    assert rows(loader) + rows(loader) == rows(by_hand := CommunityLoader(DATA, found, 20, seed=3)) + rows(by_hand)
    assert calls == [3]
    with pytest.raises(ValueError, match="'community' must be an integer tensor of shape"):
        CommunityLoader(DATA, lambda x, edge_index, seed: x)


def test_errors():
    with pytest.raises(ValueError, match="'batch_size' must be a positive integer"):
        make(batch_size=0)
    with pytest.raises(ValueError, match="'rank' must be at least 0 and below 'world_size'"):
        make(rank=2, world_size=2)
    with pytest.raises(ValueError, match="'community' must be an integer tensor of shape"):
        CommunityLoader(DATA, DATA.y[1:])
    with pytest.raises(ValueError, match="'data' must have a node for each of 100 processes"):
        make(rank=0, world_size=100)
    assert repr(make()) == "CommunityLoader(61, batch_size=20)"
