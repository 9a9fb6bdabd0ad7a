import pytest
import torch
import torch.nn.functional as F
from contracts.vision import VisionMethodContract, views_of_digits
from torch import nn

from gnnclr.graph import FeatureBank
from gnnclr.losses import InfoNCELoss
from gnnclr.vision import MLPHead, SlimResNet, Views
from gnnclr.vision.methods.nnclr import NNCLR


class TestNNCLR(VisionMethodContract):
    @staticmethod
    def make(seed=0):
        torch.manual_seed(seed)
        encoder = SlimResNet((8, 16), in_channels=1, stem_stride=1)
        heads = MLPHead(16, 16, 8, layers=3), MLPHead(8, 16, 8)
        return NNCLR(encoder, *heads, views_of_digits(), FeatureBank(256, 8))


def linear(tau=0.2):
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 6))
    return NNCLR(encoder, nn.Linear(6, 5), nn.Linear(5, 5), Views([]), FeatureBank(9, 5), InfoNCELoss(tau))


def literal(anchors, predictions, tau):
    anchors, predictions = F.normalize(anchors, dim=1), F.normalize(predictions, dim=1)
    total = 0
    for i, anchor in enumerate(anchors):
        scores = [(anchor @ p / tau).exp() for p in predictions]
        total = total - (scores[i] / sum(scores)).log()
    return total / len(anchors)


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_loss_and_gradient_are_the_formula(steps):
    method = linear()
    views = [torch.rand(4, 1, 4, 4), torch.rand(4, 1, 4, 4)]
    for _ in range(steps):
        method.training_step_loss({"image": torch.rand(4, 1, 4, 4)})
    queue = method.queue.features
    assert len(queue) == min(9, 4 * steps)
    method.views.forward = lambda images: views
    loss, logs = method.training_step_loss({"image": views[0]})

    z = [method.projector(method.encoder(view)) for view in views]
    near = []
    for x in z:
        x = F.normalize(x.detach(), dim=1)
        near.append(x if steps == 0 else torch.stack([queue[(queue @ row).argmax()] for row in x]))
    p = [method.predictor(x) for x in z]
    expected = (literal(near[0], p[1], 0.2) + literal(near[1], p[0], 0.2)) / 2
    torch.testing.assert_close(loss, expected)
    weights = list(method.parameters())
    for a, b in zip(torch.autograd.grad(loss, weights), torch.autograd.grad(expected, weights)):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    z0, z1 = (F.normalize(x.detach(), dim=1) for x in z)
    torch.testing.assert_close(logs["alignment"], (z0 - z1).square().sum(1).mean())
    torch.testing.assert_close(method.queue.features[-4:] if steps < 2 else method.queue.storage[3:7], z0)


def test_the_first_view_enters_the_queue():
    method = linear()
    views = [torch.rand(3, 1, 4, 4), torch.rand(3, 1, 4, 4)]
    method.views.forward = lambda images: views
    method.training_step_loss({"image": views[0], "index": torch.tensor([5, 2, 7])})
    z0 = F.normalize(method.projector(method.encoder(views[0])), dim=1)
    torch.testing.assert_close(method.queue.features, z0)
    assert method.queue.ids.tolist() == [5, 2, 7] and not method.queue.features.requires_grad


def test_a_neighbor_that_is_the_view_itself_gives_info_nce():
    """With a queue of the views themselves, nothing is replaced."""
    method = linear()
    views = [torch.rand(4, 1, 4, 4), torch.rand(4, 1, 4, 4)]
    z = [method.projector(method.encoder(view)) for view in views]
    method.queue.update(F.normalize(torch.cat(z), dim=1))
    method.views.forward = lambda images: views
    loss = method.training_step_loss({"image": views[0]})[0]
    nce = InfoNCELoss(0.2)
    expected = (nce(z[0], method.predictor(z[1])) + nce(z[1], method.predictor(z[0]))) / 2
    torch.testing.assert_close(loss, expected)


def test_the_predictor_is_told_of_each_step():
    class Counted(nn.Linear):
        steps = 0

        def after_optimizer_step(self):
            self.steps += 1

    predictor = Counted(8, 8)
    method = NNCLR(nn.Flatten(), nn.Linear(64, 8), predictor, views_of_digits(), FeatureBank(8, 8))
    method.after_optimizer_step()
    assert predictor.steps == 1
    linear().after_optimizer_step()


def test_errors():
    parts = nn.Flatten(), nn.Linear(64, 8), nn.Linear(8, 8)
    with pytest.raises(ValueError, match="'queue' must be a FeatureBank with mode='queue'"):
        NNCLR(*parts, views_of_digits(), FeatureBank(8, 8, mode="sample"))
    method = NNCLR(*parts, views_of_digits(views=1), FeatureBank(8, 8))
    with pytest.raises(ValueError, match=r"'views' must make two views \(got 1\)"):
        method.training_step_loss({"image": torch.rand(4, 1, 8, 8)})
