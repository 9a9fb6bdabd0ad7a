import copy

import pytest
import torch
import torch.nn.functional as F
from contracts.vision import VisionMethodContract, views_of_digits

from gnnclr.nn.mlp_head import MLPHead
from gnnclr.nn.predictors import DirectPred, MLPPredictor
from gnnclr.nn.stage_memory import StageMemory
from gnnclr.vision import SlimResNet, TensorLoader, digits
from gnnclr.vision.methods.sim_siam import SimSiam


def make(seed=0, memory=None, predictor=None, views=2):
    torch.manual_seed(seed)
    encoder = SlimResNet((8, 16), in_channels=1, stem_stride=1)
    projector = MLPHead(16, 16, 8, last_norm=True)
    predictor = MLPPredictor(8, 8) if predictor is None else predictor
    return SimSiam(encoder, projector, predictor, views_of_digits(views=views), memory)


class TestSimSiam(VisionMethodContract):
    logs = {"alignment", "uniformity", "std"}
    fall, steps = 0.15, 60
    make = staticmethod(make)


class TestSimSiamMulti(VisionMethodContract):
    logs = {"alignment", "uniformity", "std"}
    fall, steps = 0.15, 60

    @staticmethod
    def make(seed=0):
        return make(seed, StageMemory(1797, 8, warm_up=0))


class TestDirectPred(VisionMethodContract):
    logs = {"alignment", "uniformity", "std"}

    @staticmethod
    def make(seed=0):
        return make(seed, predictor=DirectPred(8))


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (12, 1, 8, 8), dtype=torch.uint8, generator=generator)
    return {"image": image, "index": torch.arange(30, 42)}


def embeddings(method, batch):
    """Embeddings and predictions of both views, and the generator as the step finds it."""
    z = method.projector(method.encoder(torch.cat(method.views(batch["image"]))))
    return z.chunk(2), method.predictor(z).chunk(2)


def test_loss_is_that_of_the_paper(batch):
    method = make()
    literal = copy.deepcopy(method)
    torch.manual_seed(1)
    loss, _ = method.training_step_loss(batch)
    loss.backward()
    torch.manual_seed(1)
    (z0, z1), (p0, p1) = embeddings(literal, batch)
    expected = -(F.cosine_similarity(p0, z1.detach()) + F.cosine_similarity(p1, z0.detach())).mean() / 2
    torch.testing.assert_close(loss, expected)
    expected.backward()
    for (name, p), q in zip(method.named_parameters(), literal.parameters()):
        torch.testing.assert_close(p.grad, q.grad, msg=name)


def train(method, epochs=3):
    """Trains on a part of the digits, in another order each epoch and without the batch that is not full."""
    optimizer = torch.optim.SGD(method.parameters(), 0.05)
    losses = []
    for epoch, loader in enumerate([TensorLoader(digits().unlabeled[:70], batch_size=16)] * epochs):
        method.start_epoch(epoch)
        for batch in loader:
            torch.manual_seed(len(losses))
            loss, _ = method.training_step_loss(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            method.after_optimizer_step()
            losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("settings", [{"mix": 1.0, "warm_up": 0}, {"mix": 0.5, "warm_up": 3}])
def test_a_memory_that_is_not_mixed_in_is_none_bit_for_bit(settings):
    plain, multi = make(), make(memory=StageMemory(70, 8, **settings))
    assert train(plain) == train(multi)
    state = multi.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in plain.state_dict().items())
    assert len(multi.memory.bank) > 60


def test_targets_are_mixed_after_warm_up():
    losses = train(make()), train(make(memory=StageMemory(70, 8, warm_up=1)))
    assert losses[0][:4] == losses[1][:4]
    assert losses[0][4] != losses[1][4]


def test_both_targets_are_mixed_with_the_last_view_of_before(batch):
    method = make(memory=StageMemory(64, 8, warm_up=0))
    literal = copy.deepcopy(method)
    torch.manual_seed(1)
    method.training_step_loss(batch)
    torch.manual_seed(1)
    (_, before), _ = embeddings(literal, batch)
    torch.testing.assert_close(method.memory.bank.storage[30:42], before.detach())

    method.start_epoch(1)
    batch = {key: value[[5, 2, 7]] for key, value in batch.items()}
    torch.manual_seed(2)
    loss, _ = method.training_step_loss(batch)
    torch.manual_seed(2)
    (z0, z1), (p0, p1) = embeddings(literal, batch)
    t0, t1 = ((z.detach() + before.detach()[[5, 2, 7]]) / 2 for z in (z0, z1))
    expected = -(F.cosine_similarity(p0, t1) + F.cosine_similarity(p1, t0)).mean() / 2
    torch.testing.assert_close(loss, expected)


def test_a_memory_needs_to_know_the_samples(batch):
    del batch["index"]
    with pytest.raises(ValueError, match="'batch' must have the rows of the data set as 'index'"):
        make(memory=StageMemory(64, 8)).training_step_loss(batch)


def test_epochs_without_a_memory(batch):
    losses = []
    for epochs in ([], [3]):
        method = make()
        for epoch in epochs:
            method.start_epoch(epoch)
        torch.manual_seed(1)
        losses.append(method.training_step_loss(batch)[0])
    assert torch.equal(*losses)
