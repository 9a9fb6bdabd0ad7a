import pytest
import torch
from scipy.stats import ks_2samp
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from gnnclr.vision import GaussianBlur


@pytest.mark.parametrize(("kernel_size", "channels"), [(1, 3), (3, 3), (5, 1)])
def test_equals_torchvision(kernel_size, channels):
    images = torch.rand(20, channels, 9, 7)
    blur = GaussianBlur(kernel_size, p=1.0)
    params = blur.sample(tuple(images.shape))
    sigma = params["sigma"].tolist()
    expected = torch.stack([F.gaussian_blur(image, kernel_size, [s, s]) for image, s in zip(images, sigma)])
    torch.testing.assert_close(blur(images, params), expected, atol=2e-6, rtol=0)


def test_width_is_distributed_as_torchvision():
    own = GaussianBlur(3, sigma=(0.1, 2.0)).sample((3000, 3, 9, 9), torch.Generator().manual_seed(0))["sigma"]
    other = v2.GaussianBlur(3, sigma=(0.1, 2.0))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        drawn = [other.make_params([])["sigma"][0] for _ in range(3000)]
    assert ks_2samp(own.double(), drawn).pvalue > 1e-3


def test_errors():
    with pytest.raises(ValueError, match="'kernel_size' must be an odd positive integer"):
        GaussianBlur(4)
    with pytest.raises(ValueError, match="'sigma' must be positive"):
        GaussianBlur(3, sigma=(0.0, 1.0))
    with pytest.raises(ValueError, match="'images' must have more than 4 rows and columns"):
        GaussianBlur(9, p=1.0)(torch.rand(1, 3, 4, 4))


def test_empty_batch():
    assert GaussianBlur(3, p=1.0)(torch.rand(0, 3, 4, 4)).shape == (0, 3, 4, 4)
