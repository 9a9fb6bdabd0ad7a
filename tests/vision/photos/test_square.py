import numpy as np
import pytest
import torch
from photo_files import picture
from PIL import Image

from gnnclr.vision import CentralSquare


@pytest.mark.parametrize(("height", "width"), [(40, 56), (90, 17), (8, 8), (3, 200)])
def test_the_square_is_a_crop_and_a_resize(height, width):
    image = Image.fromarray(picture(height, width))
    found = CentralSquare(16, 0.875)(image)
    side = round(min(height, width) * 0.875)
    left, top = (width - side) // 2, (height - side) // 2
    expected = image.crop((left, top, left + side, top + side)).resize((16, 16), Image.Resampling.BILINEAR)
    assert found.dtype == torch.uint8 and found.shape == (3, 16, 16)
    assert np.abs(found.numpy().astype(int) - np.asarray(expected).transpose(2, 0, 1)).max() <= 2


def test_tensors_and_images_are_seen_alike():
    pixels = picture(50, 31)
    square, x = CentralSquare(12), torch.from_numpy(pixels).permute(2, 0, 1)
    assert torch.equal(square(Image.fromarray(pixels)), square(x))
    assert torch.equal(square(x.expand(4, 3, 50, 31))[2], square(x))
    assert (square(x.float() / 255) * 255 - square(x).float()).abs().max() <= 1
    exact = torch.rand(2, 3, 12, 12)
    assert square(exact) is exact


def test_channels():
    x = torch.randint(0, 256, (2, 3, 20, 20), dtype=torch.uint8)
    gray = CentralSquare(20, channels=1)(x)
    assert gray.shape == (2, 1, 20, 20)
    assert torch.equal(CentralSquare(20)(gray), gray.expand(2, 3, 20, 20))
    with pytest.raises(ValueError, match="'image' must have 3 channels"):
        CentralSquare(20)(x[:, :2])
    with pytest.raises(ValueError, match="must have channels, rows and columns"):
        CentralSquare(20)(x[0, 0])
    assert repr(CentralSquare(20)) == "CentralSquare(20, share=0.875, channels=3)"
