import pytest
import torch
from torch import nn

from gnnclr.eval import LinearHead, Split, linear_probe, robust_accuracy
from gnnclr.vision import PGDAttack


def problem(n=90, side=4, classes=3, seed=0):
    """Images of few classes, an encoder, and the head of a probe of its features."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % classes
    center = 0.3 + 0.4 * torch.rand(classes, 1, side, side, generator=generator)
    images = (center[y] + 0.02 * torch.randn(n, 1, side, side, generator=generator)).clamp(0, 1)
    torch.manual_seed(seed)
    encode = nn.Sequential(nn.Flatten(), nn.Linear(side * side, 12), nn.Tanh()).eval()
    split = Split.random(n, 0.5, 0.2)
    return images, y, split, encode, linear_probe(encode(images), y, split).head


def literal(images, y, encode, head, steps, eps, step):
    """The attack and the accuracy image by image, without random starts."""
    hits = [0, 0]
    for image, label in zip(images, y):
        truth, x = int((head.classes == label).nonzero()), image[None].clone()
        for _ in range(steps):
            x.requires_grad_()
            loss = -torch.log_softmax(head(encode(x)), dim=1)[0, truth]
            (grad,) = torch.autograd.grad(loss, x)
            x = (x.detach() + step * grad.sign()).clamp(image - eps, image + eps).clamp(0, 1)
        for i, inputs in enumerate((image[None], x)):
            hits[i] += int(head(encode(inputs)).argmax()) == truth
    return [hit / len(y) for hit in hits]


@pytest.mark.parametrize("batch_size", [7, 100])
def test_equals_a_loop_over_images(batch_size):
    images, y, split, encode, head = problem()
    attack = PGDAttack(eps=0.05, step=0.02, steps=4, random_start=False)
    found = robust_accuracy(encode, head, images[split.test], y[split.test], attack, batch_size=batch_size)
    expected = literal(images[split.test], y[split.test], encode, head, 4, 0.05, 0.02)
    assert [found.clean, found.robust] == pytest.approx(expected) and found.images == split.test.numel()
    assert 0 < found.robust < found.clean  # the attack matters, and does not win outright


def test_no_step_is_no_attack_and_a_larger_ball_is_worse():
    images, y, _, encode, head = problem()
    none = robust_accuracy(encode, head, images, y, PGDAttack(steps=0, random_start=False))
    assert none.clean == none.robust > 0.9
    robust = [robust_accuracy(encode, head, images, y, PGDAttack(eps, eps / 4, 20)).robust for eps in (0.01, 0.05, 0.3)]
    assert robust[0] >= robust[1] >= robust[2] and robust[2] < 0.2


def test_parameters_get_no_gradient_and_seeds_repeat():
    images, y, _, encode, head = problem()
    state = torch.get_rng_state()
    twice = [robust_accuracy(encode, head, images, y, PGDAttack(0.05, 0.02, 3), seed=3) for _ in range(2)]
    assert twice[0] == twice[1] and torch.equal(state, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in encode.parameters())


def test_unknown_classes_count_as_wrong():
    images, y, _, encode, head = problem()
    found = robust_accuracy(encode, head, images, torch.full_like(y, 9), PGDAttack(steps=1))
    assert found.clean == found.robust == 0


def test_wrong_arguments():
    images, y, _, encode, head = problem()
    for arguments, message in (
        ((encode, nn.Linear(12, 3), images, y), "'head' must be a LinearHead"),
        ((encode, head, images[:0], y[:0]), "'y' must have a label"),
        ((encode, head, images, y[:5]), "'y' must have a label"),
    ):
        with pytest.raises(ValueError, match=message):
            robust_accuracy(*arguments, PGDAttack(steps=1))
    assert str(head).startswith("LinearHead(12, classes=3, unit=") and isinstance(head, LinearHead)
