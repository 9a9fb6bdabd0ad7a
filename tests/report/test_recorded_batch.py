import copy

import pytest
import torch
from torch import nn

from gnnclr.losses import BarlowTwinsLoss, InfoNCELoss
from gnnclr.node import BGRL, TwoView
from gnnclr.report.recorded_batch import record_batch
from gnnclr.report.run_group import Loaded


def step_loss(loaded, batch, seed):
    """The loss of a training step of a copy of the method."""
    method = copy.deepcopy(loaded.trained).train()
    torch.manual_seed(seed)
    return method.training_step_loss(batch)[0].detach()


@pytest.mark.parametrize("name", ["on_digits", "on_graph"])
def test_batch_is_that_of_the_training(name, request):
    """Its loss is the one that a step has, views and rewiring included, and the method is left alone."""
    loaded = request.getfixturevalue(name).loaded
    before = copy.deepcopy(loaded.trained.state_dict())
    state = torch.get_rng_state()
    batch = record_batch(loaded, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    for key, value in loaded.trained.state_dict().items():
        assert torch.equal(value, before[key])
    loss = batch.loss(batch.graph.x, batch.graph).detach()
    assert float(loss) == pytest.approx(float(step_loss(loaded, next(iter(loaded.data.batches())), 3)), rel=1e-5)


def test_nodes_have_the_classes_and_images_of_their_samples(on_digits, on_graph):
    batch, data = record_batch(on_digits.loaded), on_digits.loaded.data
    index = next(iter(data.batches()))["index"]
    assert torch.equal(batch.labels, data.training_labels()[index].repeat(2))
    assert batch.images.shape == (256, 1, 12, 12) and batch.images.min() >= 0 and batch.images.max() <= 1
    assert batch.graph.edge_index.max() >= 256, "positives are rows of the bank"
    batch = record_batch(on_graph.loaded)
    assert torch.equal(batch.labels, on_graph.loaded.data.labels.repeat(2)) and batch.images is None


def with_method(loaded, method):
    return Loaded(method, method, loaded.data, 0)


def test_any_loss_of_pairs_is_recorded(on_graph):
    def encoder():
        return copy.deepcopy(on_graph.loaded.trained.encoder)

    loaded = on_graph.loaded
    batch = record_batch(with_method(loaded, TwoView(encoder(), InfoNCELoss(0.2))))
    assert batch.graph.anchor.sum() == 600 and batch.graph.negatives.candidates == (1,)
    batch = record_batch(with_method(loaded, BGRL(encoder(), nn.Linear(64, 64))))
    assert batch.graph.edge_index.size(1) == 600
    batch = record_batch(with_method(loaded, TwoView(encoder(), BarlowTwinsLoss(), batch_size=50)))
    assert batch.graph.num_nodes == 100 and batch.labels is None, "which nodes were drawn is not known"
    memory = InfoNCELoss(0.2, memory_bank_size=600)
    memory(*torch.randn(2, 600, 64))
    batch = record_batch(with_method(loaded, TwoView(encoder(), memory)))
    assert len(batch.graph.bank) == 600
