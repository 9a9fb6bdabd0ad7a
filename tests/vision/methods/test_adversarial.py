import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gnnclr.vision import SlimResNet
from gnnclr.vision.methods.adversarial import PGDAttack, frozen_statistics


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images():
    return torch.rand(12, 3, 8, 8, generator=generator())


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(SlimResNet((8, 16)), nn.Linear(16, 4))


def cross_entropy(model, n=12):
    labels = torch.arange(n) % 4
    return lambda x: F.cross_entropy(model(x), labels)


def distance(a, b, norm):
    return (a - b).flatten(1).norm(dim=1, p=2 if norm == "l2" else float("inf")).max()


@pytest.mark.parametrize("random_start", [True, False])
@pytest.mark.parametrize(("norm", "eps", "step"), [("linf", 8 / 255, 0.007), ("l2", 0.5, 0.2), ("linf", 0.6, 0.3)])
def test_stays_in_the_ball_and_raises_the_loss(images, model, norm, eps, step, random_start):
    loss_fn = cross_entropy(model)
    attack = PGDAttack(eps, step, norm=norm, random_start=random_start)
    with frozen_statistics(model):
        out = attack(images, loss_fn)
        assert loss_fn(out) > loss_fn(images) + 0.05
    assert distance(out, images, norm) <= eps + 1e-6 and distance(out, images, norm) > 0.5 * eps
    assert out.min() >= 0 and out.max() <= 1
    assert not out.requires_grad and out.dtype == torch.float32


def test_more_steps_raise_the_loss_further(images, model):
    model.eval()
    loss_fn = cross_entropy(model)
    losses = [loss_fn(PGDAttack(steps=s, random_start=False)(images, loss_fn)).item() for s in (0, 1, 3, 7)]
    assert losses == sorted(losses) and losses[0] == loss_fn(images).item()


def test_one_step_is_the_fast_gradient_sign_method(images, model):
    model.eval()
    x = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropy(model)(x), x)
    expected = (images + 0.02 * gradient.sign()).clamp(0, 1)
    out = PGDAttack(0.03, 0.02, steps=1, random_start=False)(images, cross_entropy(model))
    torch.testing.assert_close(out, expected)


def test_a_linear_loss_is_solved_exactly(images):
    weight = torch.randn(3, 8, 8, generator=generator(1))
    out = PGDAttack(0.05, 0.02, steps=8)(images, lambda x: (x * weight).sum())
    torch.testing.assert_close(out, (images + 0.05 * weight.sign()).clamp(0, 1))

    inner = 0.4 + 0.2 * images  # the bounds of pixels play no role
    out = PGDAttack(0.1, 0.02, steps=40, norm="l2")(inner, lambda x: (x * weight).sum())
    torch.testing.assert_close(out, inner + 0.1 * weight / weight.norm(), atol=2e-3, rtol=0)


def test_images_are_attacked_one_by_one(images, model):
    model.eval()
    for norm in ("linf", "l2"):
        attack = PGDAttack(0.1, 0.03, 3, norm, random_start=False)
        whole = attack(images, cross_entropy(model))
        torch.testing.assert_close(attack(images[:5], cross_entropy(model, 5)), whole[:5], atol=1e-4, rtol=0)


def test_an_image_without_gradient_stays(images):
    for norm in ("linf", "l2"):
        out = PGDAttack(0.1, 0.03, 3, norm, random_start=False)(images, lambda x: x[1:].sum())
        assert torch.equal(out[0], images[0]) and not torch.equal(out[1], images[1])


@pytest.mark.parametrize("training", [True, False])
def test_leaves_the_model_as_it_was(images, model, training):
    model.train(training)
    F.mse_loss(model(images), torch.ones(12, 4)).backward()
    model[1].bias.requires_grad_(False)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    grads = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    with frozen_statistics(model):
        PGDAttack(steps=3)(images, cross_entropy(model))
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name
    for parameter, grad in zip(model.parameters(), grads):
        assert torch.equal(parameter.grad, grad)
    assert [p.requires_grad for p in model.parameters()] == [True] * (len(grads) - 1) + [False]
    assert all(layer.training == training for layer in model.modules())
    assert all(layer.track_running_stats for layer in model.modules() if isinstance(layer, nn.BatchNorm2d))


def test_frozen_layers_normalize_by_the_batch(images, model):
    with frozen_statistics(model):
        frozen = model(images)
    torch.testing.assert_close(frozen, model(images))
    assert model[0].stem[1].num_batches_tracked == 1
    model.eval()
    expected = model(images)
    with frozen_statistics(model):
        assert torch.equal(model(images), expected)


def test_frozen_layers_thaw_after_an_error(model):
    with pytest.raises(RuntimeError), frozen_statistics(model, model[0]):
        raise RuntimeError
    assert all(layer.track_running_stats for layer in model.modules() if isinstance(layer, nn.BatchNorm2d))


def test_without_gradients_around(images, model):
    model.eval()
    with torch.no_grad():
        out = PGDAttack(random_start=False)(images, cross_entropy(model))
    torch.testing.assert_close(out, PGDAttack(random_start=False)(images, cross_entropy(model)))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_start_is_uniform_in_the_ball(norm):
    images = torch.full((3000, 1, 1, 2), 0.5)
    attack = PGDAttack(0.2, steps=0, norm=norm)
    before = torch.get_rng_state()
    out = attack(images, None, generator())
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(out, attack(images, None, generator()))
    moved = out - images
    # The mean distance from the center: 2/3 of the radius in a disc, half of it along a side of a square.
    length = moved.flatten(1).norm(dim=1) if norm == "l2" else moved.abs().flatten()
    assert abs(float(length.mean()) - 0.2 * (2 / 3 if norm == "l2" else 1 / 2)) < 0.003
    assert length.max() <= 0.2 + 1e-6 and moved.mean().abs() < 0.005


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"eps": 0}, "'eps' must be a positive number"),
        ({"step": -1}, "'step' must be a positive number"),
        ({"steps": -1}, "'steps' must be an integer, zero or more"),
        ({"norm": "l1"}, "'norm' must be one of 'linf', 'l2'"),
    ],
)
def test_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        PGDAttack(**kwargs)


def test_images_out_of_range(images):
    with pytest.raises(ValueError, match=r"'images' must lie in \[0, 1\]"):
        PGDAttack()(images * 2, torch.sum)
    with pytest.raises(ValueError, match="'images' must be a floating point tensor"):
        PGDAttack()((images * 255).byte(), torch.sum)


def test_repr():
    assert str(PGDAttack(eps=0.25, step=0.1)) == "PGDAttack(eps=0.25, step=0.1, steps=7, norm='linf')"
