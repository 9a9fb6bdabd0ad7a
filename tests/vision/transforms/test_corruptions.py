import numpy as np
import pytest
import torch
from PIL import Image

from gnnclr.vision import corrupt, corruptions_of
from gnnclr.vision.transforms.corruptions import STRENGTHS


def images_of(n=20, channels=3, height=16, width=16, seed=0):
    shape = (n, channels, height, width)
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed)).float() / 255


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (8, 12), (40, 33), (1, 1), (2, 5)])
def test_images_stay_eight_bit_images(channels, height, width):
    images = images_of(3, channels, height, width)
    before = images.clone()
    for name in corruptions_of(channels):
        for strength in range(1, 6):
            out = corrupt(images, name, strength)
            assert out.shape == images.shape and out.dtype == images.dtype
            assert out.min() >= 0 and out.max() <= 1
            torch.testing.assert_close(out * 255, (out * 255).round(), atol=1e-4, rtol=0)
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", list(STRENGTHS))
def test_stronger_is_farther(name):
    smooth = torch.nn.functional.interpolate(images_of(20, 3, 6, 6), size=32, mode="bilinear")
    far = [float((corrupt(smooth, name, strength) - smooth).square().mean()) for strength in range(1, 6)]
    assert (far == sorted(far) or name == "pixelate") and far[-1] > far[0] > 0 and len(set(far)) == 5


def test_gray_images_have_no_saturation():
    assert len(corruptions_of(1)) == 6 and set(corruptions_of(3)) - set(corruptions_of(1)) == {"saturation"}


def test_each_is_its_definition(tmp_path):
    images = images_of(4)
    noise = (corrupt(torch.full((50, 1, 16, 16), 0.5), "noise", 5) - 0.5) / 0.1
    assert abs(float(noise.std()) - 1) < 0.02 and abs(float(noise.mean())) < 0.03
    eight = lambda x: (x * 255).round().clamp(0, 255) / 255  # noqa: E731
    torch.testing.assert_close(corrupt(images, "brightness", 2), eight(images + 0.1))
    weights = torch.tensor([0.2989, 0.587, 0.114]).view(1, 3, 1, 1)
    gray = (images * weights).sum(1, keepdim=True)
    mean = gray.mean((2, 3), keepdim=True)
    torch.testing.assert_close(corrupt(images, "contrast", 3), eight(mean + 0.4 * (images - mean)), atol=0.005, rtol=0)
    torch.testing.assert_close(corrupt(images, "saturation", 5), eight(gray).expand(-1, 3, -1, -1), atol=0.005, rtol=0)
    array = (images[0] * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(array).save(tmp_path / "a.jpg", quality=40)
    with Image.open(tmp_path / "a.jpg") as file:
        decoded = torch.from_numpy(np.array(file)).permute(2, 0, 1) / 255
    assert float((corrupt(images, "jpeg", 5)[0] - decoded).abs().max()) < 1e-6
    # 10 rows and columns are left of 16: no more than as many distinct ones.
    small = corrupt(images, "pixelate", 5)[0, 0]
    assert len(small.unique(dim=0)) <= 10 and len(small.unique(dim=1).t()) <= 10
    # A blur moves a point apart, evenly, and loses none of it.
    point = torch.zeros(1, 1, 15, 15)
    point[0, 0, 7, 7] = 1
    out = corrupt(point, "blur", 5)[0, 0]
    assert torch.equal(out, out.t()) and torch.equal(out, out.flip(0)) and abs(float(out.sum()) - 1) < 0.05
    assert float(out[7, 8] / out[7, 7]) == pytest.approx(float(torch.exp(torch.tensor(-0.5))), abs=0.02)


def test_noise_is_that_of_its_seed():
    images = images_of(6)
    assert torch.equal(corrupt(images, "noise", 1), corrupt(images, "noise", 1))
    assert not torch.equal(corrupt(images, "noise", 1), corrupt(images, "noise", 1, seed=1))
    state = torch.get_rng_state()
    corrupt(images, "noise", 2)
    assert torch.equal(state, torch.get_rng_state())
    assert corrupt(images[:0], "blur", 1).shape == (0, 3, 16, 16)


def test_errors():
    images = images_of(2)
    with pytest.raises(ValueError, match=r"'name' must be one of 'noise', .*got 'fog'"):
        corrupt(images, "fog", 1)
    with pytest.raises(ValueError, match="'name' must be one of"):
        corrupt(images[:, :1], "saturation", 1)
    for strength in (0, 6, 1.5):
        with pytest.raises(ValueError, match="'strength' must be"):
            corrupt(images, "noise", strength)
    with pytest.raises(ValueError, match="'images' must have 1 or 3 channels"):
        corrupt(images[:, :2], "noise", 1)
    with pytest.raises(ValueError, match="'seed' must be an integer"):
        corrupt(images, "noise", 1, seed=-1)
