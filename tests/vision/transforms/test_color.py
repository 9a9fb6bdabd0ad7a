import pytest
import torch
from scipy.stats import chisquare, ks_2samp
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from gnnclr.vision import ColorJitter, Grayscale
from gnnclr.vision.transforms.color import rotate_hue_

NAMES = ("brightness", "contrast", "saturation", "hue")
ADJUST = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)


def reference(images, params):
    out = []
    for i, image in enumerate(images):
        for op in params["order"][i].tolist():
            image = ADJUST[op](image, float(params[NAMES[op]][i]))
        out.append(image)
    return torch.stack(out)


@pytest.fixture
def images():
    images = torch.rand(200, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    images[:20] = images[:20].round()  # saturated colors
    images[20:30] = images[20:30, :1]  # gray
    images[30], images[31] = 0, 1
    images[32, :2] = images[32, 2]
    images[33, 0] = images[33, 1]  # two largest channels are equal
    return images


@pytest.mark.parametrize("strength", [(0.4, 0.4, 0.4, 0.1), (1.0, 1.0, 1.0, 0.5)])
def test_equals_torchvision(images, strength):
    jitter = ColorJitter(*strength, p=1.0)
    params = jitter.sample(tuple(images.shape), torch.Generator().manual_seed(1))
    before = images.clone()
    torch.testing.assert_close(jitter(images, params), reference(images, params), atol=2e-5, rtol=0)
    assert torch.equal(images, before)


def test_equals_torchvision_with_one_channel(images):
    images = images[:, :1]
    jitter = ColorJitter(p=1.0)
    params = jitter.sample(tuple(images.shape))
    torch.testing.assert_close(jitter(images, params), reference(images, params), atol=1e-6, rtol=0)


@pytest.mark.parametrize("shift", [-0.5, -0.2, 0.0, 0.1, 0.5])
def test_hue_equals_torchvision(images, shift):
    expected = F.adjust_hue(images, shift)
    torch.testing.assert_close(rotate_hue_(images.clone(), torch.full((200,), shift)), expected, atol=5e-6, rtol=0)


def test_no_strength_changes_nothing(images):
    torch.testing.assert_close(ColorJitter(0, 0, 0, 0, p=1.0)(images), images)


def test_parameters_are_distributed_as_torchvision():
    n, strength = 4000, (0.4, 1.5, 0.3, 0.1)
    params = ColorJitter(*strength, p=0.8).sample((n, 3, 4, 4), torch.Generator().manual_seed(0))
    other = v2.ColorJitter(*strength)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        drawn = [other.make_params([]) for _ in range(n)]
    for name in NAMES:
        assert ks_2samp(params[name].double(), [p[f"{name}_factor"] for p in drawn]).pvalue > 1e-3
    assert abs(float(params["applied"].float().mean()) - 0.8) < 0.02


def test_orders_are_equally_likely():
    order = ColorJitter().sample((24_000, 3, 4, 4), torch.Generator().manual_seed(0))["order"]
    assert torch.equal(order.sort(dim=1).values, torch.arange(4).expand(24_000, 4))
    _, counts = (order * torch.tensor([64, 16, 4, 1])).sum(dim=1).unique(return_counts=True)
    assert len(counts) == 24
    assert chisquare(counts.tolist()).pvalue > 1e-3


def test_bounds():
    jitter = ColorJitter(brightness=(0.5, 0.6), contrast=2.0, hue=(0.1, 0.2))
    params = jitter.sample((1000, 3, 4, 4))
    assert params["brightness"].min() >= 0.5 and params["brightness"].max() <= 0.6
    assert params["contrast"].min() >= 0.0 and params["contrast"].max() <= 3.0
    assert params["hue"].min() >= 0.1 and params["hue"].max() <= 0.2


def test_grayscale_equals_torchvision(images):
    expected = F.rgb_to_grayscale(images, num_output_channels=3)
    torch.testing.assert_close(Grayscale(p=1.0)(images), expected)
    assert torch.equal(Grayscale(p=1.0)(images[:, :1]), images[:, :1])


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"brightness": -1}, "'brightness' must be a number of at least 0"),
        ({"contrast": (2.0, 1.0)}, "'contrast' must have ascending bounds"),
        ({"hue": 0.6}, r"'hue' must have ascending bounds within \[-0.5, 0.5\]"),
        ({"saturation": "much"}, "'saturation' must be a number of at least 0"),
    ],
)
def test_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ColorJitter(**kwargs)


@pytest.mark.parametrize("transform", [ColorJitter(p=1.0), Grayscale(p=1.0)])
def test_wrong_channels(transform):
    with pytest.raises(ValueError, match="'images' must have 1 or 3 channels"):
        transform(torch.rand(2, 4, 5, 5))


def test_empty_batch():
    assert ColorJitter(p=1.0)(torch.rand(0, 3, 4, 4)).shape == (0, 3, 4, 4)
