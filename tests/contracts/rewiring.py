"""The contract that every rewiring inherits: a subclass makes one, and gets all checks."""

import functools

import torch
from contracts.loss import make_views, value_and_gradients

from gnnclr.graph import FeatureBank, augmentation_graph
from gnnclr.losses import NTXentLoss

#: Samples of a batch, and of the data.
N, DATA = 5, 9


@functools.cache
def shared_queue() -> FeatureBank:
    """A queue of rows of all samples; rewirings share it."""
    bank = FeatureBank(16, 4)
    bank.update(torch.randn(DATA, 4, generator=torch.Generator().manual_seed(3)), torch.arange(DATA))
    return bank.double()


@functools.cache
def shared_memory() -> FeatureBank:
    """A memory of some of the samples; rewirings share it."""
    bank = FeatureBank(DATA, 4, mode="sample")
    bank.update(torch.randn(4, 4, generator=torch.Generator().manual_seed(4)), torch.tensor([0, 2, 3, 8]))
    return bank.double()


def batch(bank=None):
    """A batch of two views in float64, of samples of the data."""
    graph = augmentation_graph([view.double() for view in make_views(N, 4)], bank=bank)
    graph.sample_id = torch.tensor([8, 2, 0, 3, 7]).repeat(2)
    return graph


class RewiringContract:
    """A subclass makes a rewiring for :func:`batch`, whose samples are among nine, with a bank of this file if
    it needs one."""

    #: Whether it is tested in any order with others: not where a literal NT-Xent over pairs cannot say what it does.
    composes = True
    #: Whether anchors keep at least one positive.
    keeps_anchors = True
    #: Whether the rule for negatives has weights.
    weighs = False

    def make(self):
        """The rewiring."""
        raise NotImplementedError

    def test_the_graph_stays_as_it_is(self):
        torch.manual_seed(0)
        graph, same = batch(), batch()
        rule = graph.negatives
        self.make()(graph)
        assert graph.negatives is rule and graph.to_dict().keys() == same.to_dict().keys()
        assert all(torch.equal(x, same[name]) for name, x in graph.to_dict().items() if isinstance(x, torch.Tensor))

    def test_a_rewired_graph_is_valid_and_trains(self):
        torch.manual_seed(0)
        out = self.make()(batch())
        assert out.validate() and bool((out.edge_index[0] != out.edge_index[1]).all())
        value, grad = value_and_gradients(lambda x: NTXentLoss(0.4)(x, out), [out.x])
        assert torch.isfinite(value) and torch.isfinite(grad).all() and float(grad.norm()) > 0

    def test_an_empty_batch(self):
        graph = augmentation_graph([torch.zeros(0, 4, dtype=torch.float64)] * 2)
        graph.sample_id = graph.sample
        out = self.make()(graph)
        assert out.edge_index.shape == (2, 0) and out.validate()

    def test_repr_names_it(self):
        rewiring = self.make()
        assert str(rewiring).startswith(type(rewiring).__name__)
