"""Non-semantic views: patches of an image, put together at random."""

import torch
from torch import Generator, Tensor

from gnnclr.ops.check import describe
from gnnclr.vision.transforms.transform import BatchTransform, Params, Shape, check_range


class NonSemanticPatches(BatchTransform):
    r"""The patch-based negatives of `"Robust Contrastive Learning Using Negative Samples with Diminished Semantics"
    <https://arxiv.org/abs/2110.14189>`_: local statistics of an image without its shapes.

    Each image has a patch size :math:`d` of its own, uniform over the whole numbers between two bounds. The output is
    a grid of :math:`d \times d` crops, each from a place drawn uniformly, cut to the size of the image:

    .. math:: \mathbf{Y}[y, x] = \mathbf{X}\big[t_{pq} + y \bmod d,\; l_{pq} + x \bmod d\big], \qquad
        p = \lfloor y / d \rfloor,\; q = \lfloor x / d \rfloor

    It is taken from an augmented view, and the values of pixels are only moved: normalized views may go in. A whole
    batch is one gather.

    Args:
        sizes (tuple[float, float], optional): Bounds of :math:`d`, as shares of the shorter side; two pixels at least.
            (default: ``(16 / 224, 72 / 224)``, the paper's; 2 to 10 of 32 pixels)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`
        - **output:** images :math:`(B, C, H, W)`
    """

    def __init__(self, sizes: tuple[float, float] = (16 / 224, 72 / 224)):
        super().__init__()
        self.sizes: tuple[float, float] = check_range("sizes", sizes, 0.0, 1.0)
        if self.sizes[0] <= 0:
            raise ValueError(f"'sizes' must be positive (got {describe(sizes)})")

    def pixels(self, shape: Shape) -> tuple[int, int]:
        """The least and the largest patch of images of ``shape``."""
        side = min(shape[2:])
        low, high = (max(round(share * side), min(2, side)) for share in self.sizes)
        return low, high

    def make_params(self, shape: Shape, generator: Generator | None, device: torch.device) -> Params:
        """Draws a patch size for every image, and a place for every patch of the finest grid."""
        n, _, height, width = shape
        low, high = self.pixels(shape)
        size = torch.randint(low, high + 1, (n,), generator=generator, device=device)
        grid = (n, -(-height // low), -(-width // low), 2)
        return {"size": size, "place": torch.rand(grid, generator=generator, device=device)}

    def transform(self, images: Tensor, params: Params) -> Tensor:
        """The patches."""
        c, height, width = images.shape[1:]
        size, place = params["size"].unsqueeze(1), params["place"]
        y, x = torch.arange(height, device=images.device), torch.arange(width, device=images.device)
        cell = (y // size).unsqueeze(2) * place.size(2) + (x // size).unsqueeze(1)
        inside = (y % size).unsqueeze(2) * width + (x % size).unsqueeze(1)
        room = size.unsqueeze(2)
        corner = (place[..., 0] * (height - room + 1)).long() * width + (place[..., 1] * (width - room + 1)).long()
        index = corner.flatten(1).gather(1, cell.flatten(1)).add_(inside.flatten(1))
        return images.flatten(2).gather(2, index.unsqueeze(1).expand(-1, c, -1)).view(images.shape)

    def extra_repr(self) -> str:
        """The settings."""
        return f"sizes=({self.sizes[0]:.3g}, {self.sizes[1]:.3g})"
