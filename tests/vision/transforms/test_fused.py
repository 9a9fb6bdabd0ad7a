import pytest
import torch
from torchvision.transforms.v2 import functional as F

from gnnclr.vision import ColorJitter, FusedColorJitter
from gnnclr.vision.transforms.fused import RGB_TO_YIQ

LUMA = torch.tensor([0.2989, 0.587, 0.114])


def reference(image, params, i):
    """The changes one after another, without a clamp in between."""
    for op in params["order"][i].tolist() if params["jitter"][i] else []:
        gray = torch.einsum("c,chw->hw", LUMA, image)
        if op == 0:
            image = image * params["brightness"][i]
        elif op == 1:
            image = params["contrast"][i] * image + (1 - params["contrast"][i]) * gray.mean()
        elif op == 2:
            image = params["saturation"][i] * image + (1 - params["saturation"][i]) * gray
        else:
            angle = 2 * torch.pi * params["hue"][i]
            y, u, v = torch.einsum("dc,chw->dhw", torch.tensor(RGB_TO_YIQ), image)
            turned = torch.stack([y, u * angle.cos() + v * angle.sin(), v * angle.cos() - u * angle.sin()])
            image = torch.einsum("dc,chw->dhw", torch.linalg.inv(torch.tensor(RGB_TO_YIQ)), turned)
    if params["gray"][i]:
        image = torch.einsum("c,chw->hw", LUMA, image).expand_as(image)
    return image.clamp(0, 1)


def test_equals_the_changes_one_after_another():
    images = torch.rand(100, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    jitter = FusedColorJitter()
    params = jitter.sample(tuple(images.shape), torch.Generator().manual_seed(1))
    expected = torch.stack([reference(image, params, i) for i, image in enumerate(images)])
    torch.testing.assert_close(jitter(images, params), expected, atol=2e-6, rtol=0)


def test_equals_the_exact_jitter_where_nothing_is_clamped():
    images = 0.4 + 0.2 * torch.rand(100, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    strength = (0.2, 0.2, 0.2, 0.0)
    params = FusedColorJitter(*strength, jitter_p=1.0, grayscale_p=0.0).sample((100, 3, 6, 6))
    fused = FusedColorJitter(*strength, jitter_p=1.0, grayscale_p=0.0)(images, params)
    exact = ColorJitter(*strength, p=1.0)(images, params)
    torch.testing.assert_close(fused, exact, atol=2e-6, rtol=0)


def test_hue_turns_as_torchvision():
    # The hexagon of HSV and the circle of YIQ agree on the direction, and after a whole turn.
    red = torch.tensor([0.8, 0.2, 0.2]).view(1, 3, 1, 1)
    jitter = FusedColorJitter(0, 0, 0, (1 / 3, 1 / 3), jitter_p=1.0, grayscale_p=0.0)
    exact = F.adjust_hue(red, 1 / 3)
    assert jitter(red).argmax(dim=1) == exact.argmax(dim=1) == 1


def test_shares_of_jitter_and_grayscale():
    jitter = FusedColorJitter(jitter_p=0.8, grayscale_p=0.2)
    params = jitter.sample((20_000, 3, 4, 4), torch.Generator().manual_seed(0))
    assert abs(float(params["jitter"].float().mean()) - 0.8) < 0.01
    assert abs(float(params["gray"].float().mean()) - 0.2) < 0.01
    images = torch.rand(8, 3, 4, 4)
    torch.testing.assert_close(FusedColorJitter(jitter_p=0.0, grayscale_p=0.0)(images), images)


def test_parameters_are_those_of_the_exact_jitter():
    shape = (50, 3, 4, 4)
    fused = FusedColorJitter().sample(shape, torch.Generator().manual_seed(0))
    exact = ColorJitter().sample(shape, torch.Generator().manual_seed(0))
    for name in ("brightness", "contrast", "saturation", "hue", "order"):
        assert torch.equal(fused[name], exact[name])


def test_one_channel():
    images = 0.4 + 0.2 * torch.rand(100, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    jitter = FusedColorJitter(0.2, 0.2, 0.2, 0.1, jitter_p=1.0)
    params = jitter.sample(tuple(images.shape))
    expected = ColorJitter(0.2, 0.2, 0.2, 0.1, p=1.0)(images, params)
    # The weights of the grayscale sum to 0.9999.
    torch.testing.assert_close(jitter(images, params), expected, atol=1e-3, rtol=0)


def test_wrong_channels():
    with pytest.raises(ValueError, match="'images' must have 1 or 3 channels"):
        FusedColorJitter()(torch.rand(2, 4, 5, 5))
