import pytest
import torch
from contracts.epoch import EpochContract

from gnnclr.graph.batches import NeighborhoodBatches
from gnnclr.graph.data_neighbors import DataNeighbors
from gnnclr.node.datasets.sbm import sbm
from gnnclr.node.loader.neighborhoods import NeighborhoodLoader

DATA = sbm(61, num_classes=6, num_features=16, degree=5.0)
NEIGHBOR = DataNeighbors(k=4).find(DATA.x, 0).neighbor


def make(**kwargs):
    kwargs = {"size": 8, "batch_size": 20, "seed": 1} | kwargs
    return NeighborhoodLoader(DATA, **kwargs).set_neighbors(NEIGHBOR)


class TestNeighborhoodLoader(EpochContract):
    def make(self, **kwargs):
        return make(**kwargs)

    def rows(self, batches):
        return [batch.n_id.tolist() for batch in batches]


def test_the_order_is_that_of_neighborhood_batches():
    order = torch.randperm(61, generator=torch.Generator().manual_seed(3))
    expected = NeighborhoodBatches(8).set_neighbors(NEIGHBOR).batches(order, 20)
    found = make().order(torch.Generator().manual_seed(3))
    assert torch.equal(found, torch.cat(expected)) and sorted(found.tolist()) == list(range(61))


def test_without_neighbors_batches_are_random():
    loader = NeighborhoodLoader(DATA, batch_size=20)
    nodes = torch.randperm(61, generator=torch.Generator().manual_seed(3))
    assert torch.equal(loader.order(torch.Generator().manual_seed(3)), nodes)


def test_another_size_of_neighborhoods_has_another_position():
    loader = make()
    next(iter(loader))
    with pytest.raises(ValueError, match="'neighborhood' must be 8 as in the checkpoint"):
        make(size=9).load_state_dict(loader.state_dict())
