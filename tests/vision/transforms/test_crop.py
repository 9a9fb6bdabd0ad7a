import pytest
import torch
from scipy.stats import ks_2samp
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from gnnclr.vision import RandomResizedCrop
from gnnclr.vision.transforms.crop import interpolation_matrix


def reference(images, params, size):
    out = []
    for i, image in enumerate(images):
        box = [int(params[name][i]) for name in ("top", "left", "height", "width")]
        crop = F.resized_crop(image, *box, [size, size], antialias=True)
        out.append(crop.flip(2) if params["flip"][i] else crop)
    return torch.stack(out)


@pytest.mark.parametrize(
    ("height", "width", "size"), [(32, 32, 32), (8, 8, 20), (40, 25, 32), (96, 96, 32), (200, 150, 7), (5, 7, 1)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_equals_resized_crop(height, width, size, channels):
    images = torch.rand(24, channels, height, width, generator=torch.Generator().manual_seed(0))
    crop = RandomResizedCrop(size, scale=(0.05, 1.0))
    params = crop.sample(tuple(images.shape), torch.Generator().manual_seed(1))
    assert params["flip"].any() and not params["flip"].all()
    torch.testing.assert_close(crop(images, params), reference(images, params, size), atol=2e-6, rtol=0)


def test_whole_image_is_kept():
    images = torch.rand(4, 3, 9, 9)
    torch.testing.assert_close(RandomResizedCrop(9, (1.0, 1.0), (1.0, 1.0), flip=0.0)(images), images)


@pytest.mark.parametrize(
    ("height", "width", "scale", "ratio"),
    [
        (32, 32, (0.2, 1.0), (3 / 4, 4 / 3)),
        (24, 60, (0.6, 1.0), (3 / 4, 4 / 3)),  # nearly all tries fail: the central box decides
        (60, 24, (0.6, 1.0), (3 / 4, 4 / 3)),
        (12, 12, (0.08, 0.5), (0.5, 2.0)),
    ],
)
def test_boxes_are_distributed_as_torchvision(height, width, scale, ratio):
    n, image = 4000, torch.zeros(1, height, width)
    params = RandomResizedCrop(8, scale, ratio).sample((n, 3, height, width), torch.Generator().manual_seed(0))
    own = torch.stack([params[name] for name in ("top", "left", "height", "width")], dim=1)

    torchvision_crop = v2.RandomResizedCrop(8, scale, ratio)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        drawn = [torchvision_crop.make_params([image]) for _ in range(n)]
    other = torch.tensor([[p["top"], p["left"], p["height"], p["width"]] for p in drawn])

    for measure in (
        lambda box: box[:, 0],
        lambda box: box[:, 1],
        lambda box: box[:, 2],
        lambda box: box[:, 3],
        lambda box: box[:, 2] * box[:, 3],
        lambda box: box[:, 3] / box[:, 2],
        lambda box: box[:, 0] + box[:, 1] + 0.1 * box[:, 2],  # sees dependence between position and shape
    ):
        assert ks_2samp(measure(own).double(), measure(other).double()).pvalue > 1e-3
    inside = (own[:, 0] >= 0) & (own[:, 0] + own[:, 2] <= height) & (own[:, 1] + own[:, 3] <= width)
    assert inside.all()


@pytest.mark.parametrize(
    ("height", "width", "scale"),
    [(40, 60, (0.2, 1.0)), (375, 500, (0.05, 0.4)), (9, 200, (0.9, 1.0)), (1, 1, (1.0, 1.0))],
)
def test_boxes_of_an_image_are_what_is_sampled(height, width, scale):
    crop = RandomResizedCrop(8, scale=scale)
    for seed in range(40):
        found = crop.boxes((3, 3, height, width), torch.Generator().manual_seed(seed))
        params = crop.sample((3, 3, height, width), torch.Generator().manual_seed(seed))
        names = ("top", "left", "height", "width", "flip")
        assert found == [tuple(params[name][i].item() for name in names) for i in range(3)]


@pytest.mark.parametrize(("height", "width"), [(10, 100), (100, 10), (10, 10)])
def test_central_box(height, width):
    scale = (3.0, 3.0)  # larger than any image: all ten tries fail
    box = RandomResizedCrop(8, scale).sample((3, 3, height, width))
    expected = v2.RandomResizedCrop(8, scale).make_params([torch.zeros(1, height, width)])
    for name, value in expected.items():
        assert box[name].tolist() == [value] * 3


def test_flip_share():
    flip = RandomResizedCrop(8, flip=0.25).sample((20_000, 3, 8, 8), torch.Generator().manual_seed(0))["flip"]
    assert abs(float(flip.float().mean()) - 0.25) < 0.012


def test_interpolation_rows_sum_to_one():
    start, length = torch.tensor([0, 3, 9]), torch.tensor([10, 4, 1])
    matrix = interpolation_matrix(start, length, 10, 7)
    torch.testing.assert_close(matrix.sum(dim=2), torch.ones(3, 7))
    assert not matrix[1, :, :3].any() and not matrix[1, :, 7:].any()


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"size": 0}, "'size' must be a positive integer"),
        ({"size": 8, "scale": (1.0, 0.2)}, "'scale' must be two ascending numbers"),
        ({"size": 8, "ratio": (0.0, 1.0)}, "'ratio' must be positive"),
        ({"size": 8, "flip": 2}, "'flip' must be a probability"),
    ],
)
def test_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        RandomResizedCrop(**kwargs)


def test_repr():
    crop = RandomResizedCrop(8, scale=(0.5, 1.0), ratio=(1.0, 1.0))
    assert str(crop) == "RandomResizedCrop(8, scale=(0.5, 1.0), ratio=(1.0, 1.0), flip=0.5)"
