import math

import pytest
import torch
from scipy.stats import kstest

from gnnclr.vision import Views
from gnnclr.vision.transforms.texture import RandomPhaseTexture


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images_of(*shape):
    return torch.rand(shape, generator=generator(7)).double()


@pytest.mark.parametrize(("height", "width"), [(16, 16), (9, 9), (8, 11), (11, 8), (1, 6), (2, 2)])
@pytest.mark.parametrize("channels", [1, 3])
def test_power_spectrum_is_that_of_the_image(height, width, channels):
    images = images_of(10, channels, height, width)
    out = RandomPhaseTexture()(images, generator=generator())
    torch.testing.assert_close(torch.fft.fft2(out).abs(), torch.fft.fft2(images).abs(), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(out.mean(dim=(2, 3)), images.mean(dim=(2, 3)))
    if height * width > 6:
        assert (out - images).abs().mean(dim=(1, 2, 3)).min() > 0.05


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 5), (6, 9)])
def test_equals_the_full_spectrum_with_antisymmetric_phases(height, width):
    """Every frequency and its negative, written out."""
    images, transform = images_of(4, 2, height, width), RandomPhaseTexture()
    params = transform.sample(tuple(images.shape), generator())
    phase = torch.zeros(4, height, width).double()
    for y in range(height):
        for x in range(width):
            half = x < params["phase"].size(2)
            own = params["phase"][:, y, x] if half else -params["phase"][:, (-y) % height, (-x) % width]
            phase[:, y, x] = own
            if half and (2 * x) % width == 0:  # the frequency stands with its negative in the half that is drawn
                mirrored = params["phase"][:, (-y) % height, x]
                assert torch.allclose(torch.exp(1j * own), torch.exp(-1j * mirrored), atol=1e-4)
    expected = torch.fft.ifft2(torch.fft.fft2(images) * torch.exp(1j * phase).unsqueeze(1))
    assert expected.imag.abs().max() < 1e-5
    torch.testing.assert_close(transform(images, params), expected.real, atol=1e-5, rtol=0)


def test_channels_share_their_phases():
    images = images_of(6, 3, 12, 12)
    out = RandomPhaseTexture()(images, generator=generator())
    cross = [torch.fft.fft2(x[:, 0]) * torch.fft.fft2(x[:, 1]).conj() for x in (images, out)]
    torch.testing.assert_close(cross[1], cross[0], atol=1e-4, rtol=1e-5)
    gray = images[:, :1].expand(6, 3, 12, 12)
    out = RandomPhaseTexture()(gray, generator=generator())
    torch.testing.assert_close(out[:, 0], out[:, 2])


def test_phases_are_uniform_and_differ_between_images():
    phase = RandomPhaseTexture().sample((400, 3, 9, 9), generator())["phase"]
    assert phase.shape == (400, 9, 5) and (phase[:, 0, 0] == 0).all()
    inner = phase[:, :, 1:].flatten() / (2 * math.pi) + 0.5
    assert kstest(inner, "uniform").pvalue > 1e-3
    assert torch.corrcoef(phase[:2, :, 1:].flatten(1))[0, 1].abs() < 0.5


def test_as_a_part_of_views():
    images = torch.randint(0, 256, (30, 3, 16, 16), dtype=torch.uint8, generator=generator())
    (whole,) = Views([RandomPhaseTexture()], views=1, chunk=None)(images, generator())
    for inputs, chunk in ((images, 7), (images.float() / 255, 128)):
        (part,) = Views([RandomPhaseTexture()], views=1, chunk=chunk)(inputs, generator())
        torch.testing.assert_close(part, whole, atol=1e-5, rtol=0)
    assert whole.dtype == torch.float32


def test_some_are_left_alone():
    images = images_of(400, 1, 6, 6)
    out = RandomPhaseTexture(p=0.25)(images, generator=generator())
    share = (out != images).flatten(1).any(dim=1).float().mean()
    assert abs(float(share) - 0.25) < 0.08


def test_dtypes_and_empty_batch():
    images = images_of(3, 1, 8, 8)
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        out = RandomPhaseTexture()(images.to(dtype), generator=generator())
        assert out.dtype == dtype
        expected = RandomPhaseTexture()(images, generator=generator())
        torch.testing.assert_close(out.double(), expected, atol=2e-2, rtol=0)
    assert RandomPhaseTexture()(torch.rand(0, 3, 8, 8)).shape == (0, 3, 8, 8)


def test_repr():
    assert str(RandomPhaseTexture()) == "RandomPhaseTexture()"
