"""Gaussian blur with a width of its own for every image."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from gnnclr.ops.check import check_count, describe
from gnnclr.vision.transforms.transform import BatchTransform, Params, Shape, check_range, uniform


class GaussianBlur(BatchTransform):
    r"""Blurs an image by a Gaussian of random width with probability :obj:`p`, as
    :class:`torchvision.transforms.v2.GaussianBlur` does: a window of :obj:`kernel_size` pixels, edges reflected.

    The kernel is separable, so a batch is one grouped convolution along the rows and one along the columns.

    Args:
        kernel_size (int): The width of the window, an odd number.
        sigma (tuple[float, float], optional): Bounds of the Gaussian's width, in pixels. (default: ``(0.1, 2.0)``)
        p (float, optional): The probability that a sample is blurred. (default: ``0.5``)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, of more than half the window's width
        - **output:** images :math:`(B, C, H, W)`
    """

    def __init__(self, kernel_size: int, sigma: tuple[float, float] = (0.1, 2.0), p: float = 0.5):
        super().__init__(p)
        if check_count("kernel_size", kernel_size) % 2 == 0:
            raise ValueError(f"'kernel_size' must be an odd positive integer (got {describe(kernel_size)})")
        self.kernel_size = kernel_size
        self.sigma: tuple[float, float] = check_range("sigma", sigma)
        if self.sigma[0] <= 0:
            raise ValueError(f"'sigma' must be positive (got {describe(sigma)})")

    def make_params(self, shape: Shape, generator: Generator | None, device: torch.device) -> Params:
        """Draws a width for every image."""
        return {"sigma": uniform((shape[0],), self.sigma, generator, device)}

    def transform(self, images: Tensor, params: Params) -> Tensor:
        """The images, blurred."""
        n, c, height, width = images.shape
        half = self.kernel_size // 2
        if half >= min(height, width):
            raise ValueError(f"'images' must have more than {half} rows and columns (got {describe(images)})")
        if n == 0:
            return images
        offset = torch.arange(-half, half + 1, device=images.device, dtype=images.dtype)
        sigma = params["sigma"].to(images.dtype).unsqueeze(1)
        kernel = torch.softmax(-(offset**2) / (2 * sigma**2), dim=1).repeat_interleave(c, dim=0)
        x = F.pad(images, [half] * 4, mode="reflect").view(1, n * c, height + 2 * half, width + 2 * half)
        x = F.conv2d(x, kernel.view(n * c, 1, 1, -1), groups=n * c)
        x = F.conv2d(x, kernel.view(n * c, 1, -1, 1), groups=n * c)
        return x.view(n, c, height, width)

    def extra_repr(self) -> str:
        """The settings."""
        return f"kernel_size={self.kernel_size}, sigma={self.sigma}, p={self.p}"
