"""Images in the range that encoders expect."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gnnclr.ops.check import describe

CIFAR_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR_STD = (0.2470, 0.2435, 0.2616)


class Normalize(nn.Module):
    r"""Subtracts a mean from every channel and divides by a deviation.

    Args:
        mean (Sequence[float] or float, optional): The mean of every channel, or of all. In a recipe it is that of the
            data where none is given. (default: CIFAR-10's)
        std (Sequence[float] or float, optional): The deviation of every channel, or of all, as the mean.
            (default: CIFAR-10's)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`
        - **output:** images :math:`(B, C, H, W)`
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, mean: Sequence[float] | float | None = CIFAR_MEAN, std: Sequence[float] | float | None = CIFAR_STD
    ):
        super().__init__()
        for name, value in (("mean", mean), ("std", std)):
            if value is None:
                raise ValueError(f"'{name}' must be a number, or one for every channel (got None)")
        deviation = torch.tensor(std).float().view(-1, 1, 1)
        if not bool((deviation > 0).all()):
            raise ValueError(f"'std' must be positive (got {describe(deviation.flatten().tolist())})")
        self.register_buffer("mean", torch.tensor(mean).float().view(-1, 1, 1), persistent=False)
        self.register_buffer("std", deviation, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Normalizes ``images``."""
        for name, value in (("mean", self.mean), ("std", self.std)):
            if len(value) not in (1, images.size(1)):
                raise ValueError(
                    f"'{name}' must be one number or one for every channel "
                    f"(got {len(value)} for images of {images.size(1)} channels)"
                )
        return (images - self.mean).div_(self.std)

    def extra_repr(self) -> str:
        """The settings."""
        return f"mean={self.mean.flatten().tolist()}, std={self.std.flatten().tolist()}"
