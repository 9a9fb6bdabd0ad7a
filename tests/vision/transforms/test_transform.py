import pytest
import torch

from gnnclr.ops.check import check_probability
from gnnclr.vision import BatchTransform, Grayscale, HorizontalFlip
from gnnclr.vision.transforms.transform import check_range


def test_only_applied_samples_change():
    images = torch.rand(64, 3, 5, 5)
    flip = HorizontalFlip(p=0.3)
    params = flip.sample(tuple(images.shape), torch.Generator().manual_seed(0))
    out = flip(images, params)
    applied = params["applied"]
    assert 0 < applied.sum() < 64
    assert torch.equal(out[applied], images[applied].flip(3))
    assert torch.equal(out[~applied], images[~applied])


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certain_probabilities(p):
    images = torch.rand(8, 3, 4, 4)
    assert torch.equal(HorizontalFlip(p)(images), images.flip(3) if p else images)


def test_share_of_applied_samples():
    applied = Grayscale(p=0.2).sample((20_000, 3, 4, 4), torch.Generator().manual_seed(1))["applied"]
    assert abs(float(applied.float().mean()) - 0.2) < 0.01  # over three standard errors


def test_input_is_not_changed():
    images = torch.rand(16, 3, 4, 4)
    before = images.clone()
    Grayscale(p=0.5)(images)
    assert torch.equal(images, before)


def test_empty_batch():
    assert HorizontalFlip()(torch.rand(0, 3, 4, 4)).shape == (0, 3, 4, 4)


def test_base_class_draws_nothing():
    with pytest.raises(NotImplementedError):
        BatchTransform()(torch.rand(2, 3, 4, 4))


@pytest.mark.parametrize("images", [torch.rand(3, 4, 4), torch.zeros(2, 3, 4, 4, dtype=torch.uint8), [1, 2]])
def test_wrong_images(images):
    with pytest.raises(ValueError, match=r"'images' must be a floating point tensor of shape \[b, c, h, w\]"):
        HorizontalFlip()(images)


@pytest.mark.parametrize("p", [-0.1, 1.1, True, "half", float("nan")])
def test_wrong_probability(p):
    with pytest.raises(ValueError, match="'p' must be a probability between 0 and 1"):
        check_probability("p", p)


@pytest.mark.parametrize("pair", [(1.0, 0.5), (0.5,), 0.5, (-1.0, 0.5), ("a", "b")])
def test_wrong_range(pair):
    with pytest.raises(ValueError, match="'scale' must be two ascending numbers"):
        check_range("scale", pair)


def test_repr():
    assert str(HorizontalFlip()) == "HorizontalFlip(p=0.5)"
