import pytest
import torch
from scipy.stats import ks_2samp
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from gnnclr.vision import RandomAffine

SETTINGS = {"degrees": 30.0, "translate": (0.2, 0.3), "scale": (0.5, 1.5)}


@pytest.mark.parametrize("shape", [(30, 1, 12, 12), (30, 3, 9, 14)])
def test_equals_torchvision(shape):
    images = torch.rand(shape)
    affine = RandomAffine(**SETTINGS, shear=10.0)
    params = affine.sample(shape)
    expected = []
    for i, image in enumerate(images):
        p = {name: float(value[i]) for name, value in params.items()}
        moved = F.affine(image, p["angle"], [p["x"], p["y"]], p["scale"], [p["shear"], 0.0], InterpolationMode.BILINEAR)
        expected.append(moved)
    torch.testing.assert_close(affine(images, params), torch.stack(expected), atol=2e-5, rtol=0)


def test_parameters_are_distributed_as_torchvision():
    n, image = 3000, torch.zeros(1, 20, 30)
    params = RandomAffine(**SETTINGS, shear=10.0).sample((n, 1, 20, 30), torch.Generator().manual_seed(0))
    other = v2.RandomAffine(**SETTINGS, shear=10.0)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        drawn = [other.make_params([image]) for _ in range(n)]
    pairs = {
        "angle": [p["angle"] for p in drawn],
        "x": [p["translate"][0] for p in drawn],
        "y": [p["translate"][1] for p in drawn],
        "scale": [p["scale"] for p in drawn],
        "shear": [p["shear"][0] for p in drawn],
    }
    for name, values in pairs.items():
        assert ks_2samp(params[name].double(), values).pvalue > 1e-3


def test_still():
    images = torch.rand(4, 3, 8, 8)
    affine = RandomAffine(0, (0, 0), (1.0, 1.0))
    torch.testing.assert_close(affine(images), images, atol=1e-5, rtol=0)


def test_errors():
    with pytest.raises(ValueError, match="'degrees' must be"):
        RandomAffine(degrees=-1)
    with pytest.raises(ValueError, match="'translate' must be a probability"):
        RandomAffine(translate=(2.0, 0.0))
