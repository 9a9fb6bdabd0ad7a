import copy

import pytest
import torch
import torch.nn.functional as F
from contracts.vision import VisionMethodContract, views_of_digits

from gnnclr.nn.mlp_head import MLPHead
from gnnclr.nn.predictors import DirectPred, MLPPredictor
from gnnclr.vision import SlimResNet
from gnnclr.vision.methods.byol import BYOL


def make(seed=0, predictor=None, **kwargs):
    torch.manual_seed(seed)
    encoder = SlimResNet((8, 16), in_channels=1, stem_stride=1)
    predictor = MLPPredictor(8, 16) if predictor is None else predictor
    return BYOL(encoder, MLPHead(16, 16, 8), predictor, views_of_digits(), **kwargs)


class TestBYOL(VisionMethodContract):
    logs = {"alignment", "uniformity", "std"}

    @staticmethod
    def make(seed=0):
        return make(seed, momentum=0.9)


class TestDirectPred(VisionMethodContract):
    logs = {"alignment", "uniformity", "std"}
    fall = 0.1

    @staticmethod
    def make(seed=0):
        return make(seed, DirectPred(8, frequency=2), momentum=0.9)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    return {"image": torch.randint(0, 256, (12, 1, 8, 8), dtype=torch.uint8, generator=generator)}


def test_loss_is_that_of_the_paper(batch):
    method = make()
    method.target.module[0].stem[0].weight.data.mul_(-1)  # a copy that differs
    literal = copy.deepcopy(method)
    torch.manual_seed(1)
    loss, _ = method.training_step_loss(batch)
    torch.manual_seed(1)
    images = torch.cat(literal.views(batch["image"]))
    p0, p1 = literal.predictor(literal.projector(literal.encoder(images))).chunk(2)
    t0, t1 = literal.target.module(images).chunk(2)
    distances = [
        (F.normalize(p, dim=1) - F.normalize(t, dim=1)).square().sum(dim=1).mean() for p, t in ((p0, t1), (p1, t0))
    ]
    torch.testing.assert_close(4 + 4 * loss, sum(distances))


def test_the_copy_moves_and_does_not_learn(batch):
    method = make(momentum=0.9)
    optimizer = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], 0.5)
    before = [p.clone() for p in method.target.parameters()]
    method.training_step_loss(batch)[0].backward()
    assert all(p.grad is None for p in method.target.parameters())
    optimizer.step()
    method.after_optimizer_step()
    online = [*method.encoder.parameters(), *method.projector.parameters()]
    for start, target, now in zip(before, method.target.parameters(), online, strict=True):
        torch.testing.assert_close(target, 0.9 * start + 0.1 * now)
    assert not torch.equal(method.target.module[0].stem[0].weight, before[0])


def test_momentum_rises():
    method = make(momentum_steps=4)
    assert method.target.current_momentum() == pytest.approx(0.996)
    for _ in range(4):
        method.after_optimizer_step()
    assert method.target.current_momentum() == 1


def test_features_are_those_of_the_encoder(batch):
    method = make().eval()
    method.target.module[0].stem[0].weight.data.zero_()
    torch.testing.assert_close(method(batch["image"]), method.encoder((batch["image"] / 255 - 0.5) / 0.5))


def test_the_predictor_is_set_from_embeddings_of_the_encoder(batch):
    method = make(predictor=DirectPred(8))
    method.training_step_loss(batch)[0].backward()
    method.after_optimizer_step()
    values = torch.linalg.eigvalsh(method.predictor.weight.detach())
    torch.testing.assert_close(values[-1], torch.tensor(1.01))
    assert not method.predictor.weight.requires_grad
