"""Corruptions of images, at five strengths each, to judge features by that never saw one."""

from io import BytesIO
from math import ceil
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from gnnclr.ops.check import check_choice, check_count, check_seed
from gnnclr.ops.mixed_seed import mixed_seed
from gnnclr.vision.transforms.color import check_channels
from gnnclr.vision.transforms.transform import check_images

#: What the strengths 1 to 5 of a corruption are. All but those of ``saturation`` are those of CIFAR-10-C.
STRENGTHS = MappingProxyType(
    {
        "noise": (0.04, 0.06, 0.08, 0.09, 0.10),  # standard deviation of Gaussian noise
        "blur": (0.4, 0.6, 0.7, 0.8, 1.0),  # width of a Gaussian, in pixels of 32
        "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),  # factor on the distance from the mean gray
        "brightness": (0.05, 0.1, 0.15, 0.2, 0.3),  # is added to all values
        "jpeg": (80, 65, 58, 50, 40),  # quality
        "pixelate": (0.95, 0.9, 0.85, 0.75, 0.65),  # share of the rows and columns that are left
        "saturation": (0.7, 0.5, 0.3, 0.15, 0.0),  # factor on the distance from gray; of colored images alone
    }
)


def corruptions_of(channels: int) -> tuple[str, ...]:
    """The names of the corruptions of images with so many channels: gray ones have no saturation."""
    check_count("channels", channels)
    return tuple(name for name in STRENGTHS if channels == 3 or name != "saturation")


def corrupt(images: Tensor, name: str, strength: int, seed: int = 0) -> Tensor:
    r"""Images with a corruption, in the style of `"Benchmarking Neural Network Robustness to Common Corruptions and
    Perturbations" <https://arxiv.org/abs/1903.12261>`_, by operations of torchvision, and of
    Pillow for JPEG, in place of those of its authors.

    ==============  ====================================================================================
    ``noise``       Gaussian noise
    ``blur``        Gaussian blur, wider in larger images
    ``contrast``    less contrast
    ``brightness``  brighter
    ``jpeg``        compression as JPEG
    ``pixelate``    fewer pixels, enlarged again
    ``saturation``  less color, of images with three channels alone
    ==============  ====================================================================================

    Results are cut off at 0 and 1 and rounded to eight bits, as files would be. Nothing but noise is random; that of
    an image depends on its place among the others.

    Args:
        images (torch.Tensor): The images, of one or three channels.
        name (str): The corruption.
        strength (int): From 1 to 5.
        seed (int, optional): The seed of noise. (default: ``0``)

    Shapes:
        - **input:** images :math:`(B, C, H, W)` in :math:`[0, 1]`
        - **output:** images :math:`(B, C, H, W)` in :math:`[0, 1]`
    """
    check_channels(check_images("images", images))
    check_choice("name", name, corruptions_of(images.size(1)))
    check_count("strength", strength, most=5)
    if len(images) == 0:
        return images
    level = STRENGTHS[name][strength - 1]
    generator = torch.Generator().manual_seed(
        mixed_seed(check_seed("seed", seed), list(STRENGTHS).index(name), strength)
    )
    with torch.no_grad():
        changed = _change(images.float(), name, level, generator)
    return changed.mul(255).round_().clamp_(0, 255).div_(255).to(images.dtype)


def _change(x: Tensor, name: str, level: float, generator: torch.Generator) -> Tensor:
    from torchvision.transforms.v2 import InterpolationMode, functional

    height, width = x.shape[2:]
    if name == "noise":
        return x + level * torch.randn(x.shape, generator=generator).to(x.device)
    if name == "blur":
        sigma = level * min(height, width) / 32 if min(height, width) > 32 else level
        half = [min(ceil(3 * sigma), size - 1) for size in (width, height)]
        return functional.gaussian_blur(x, [2 * h + 1 for h in half], [sigma, sigma])
    if name == "contrast":
        return functional.adjust_contrast(x, level)
    if name == "brightness":
        return x + level
    if name == "jpeg":
        return _jpeg(x.mul(255).round().clamp(0, 255).to(torch.uint8).cpu(), int(level)).to(x.device).float() / 255
    if name == "pixelate":
        small = [max(1, int(level * size)) for size in (height, width)]
        x = functional.resize(x, small, InterpolationMode.BILINEAR, antialias=True)
        return functional.resize(x, [height, width], InterpolationMode.NEAREST_EXACT)
    return functional.adjust_saturation(x, level)


def _jpeg(images: Tensor, quality: int) -> Tensor:
    """Images ``uint8`` [n, c, h, w], written as files and read again."""
    from PIL import Image

    read = []
    rows = images[:, 0] if images.size(1) == 1 else images.permute(0, 2, 3, 1)
    for image in rows.numpy():
        file = BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality)
        with Image.open(file) as decoded:
            read.append(torch.from_numpy(np.array(decoded)))
    return torch.stack(read).view(len(images), *images.shape[2:], -1).permute(0, 3, 1, 2)
