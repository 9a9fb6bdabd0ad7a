"""The part of a photo that an encoder sees where nothing is random."""

from typing import TYPE_CHECKING

from torch import Tensor

from gnnclr.ops.check import check_count, check_number, describe

if TYPE_CHECKING:
    from PIL.Image import Image


class CentralSquare:
    r"""Takes the central square of an image, a share of its shorter side, and resizes it.

    An image of exactly :obj:`size` × :obj:`size` pixels is taken as it is. The defaults are those of the usual
    evaluation at 224 pixels, which resizes the shorter side to 256.

    Args:
        size (int): Height and width of the result.
        share (float, optional): The side of the square by the shorter side of the image. (default: ``0.875``)
        channels (int, optional): 3, or 1 for brightness alone. (default: ``3``)

    Shapes:
        - **input:** an image of Pillow, or a tensor :math:`(*, C, H, W)` with :math:`C \in \{1, 3\}`
        - **output:** a tensor :math:`(*, \text{channels}, \text{size}, \text{size})` of the same type, ``uint8`` for
          an image of Pillow
    """

    def __init__(self, size: int, share: float = 0.875, channels: int = 3) -> None:
        self.size: int = check_count("size", size)
        self.share: float = check_number("share", share, above=0, most=1)
        self.channels: int = check_count("channels", channels)

    def __call__(self, image: "Image | Tensor") -> Tensor:
        """The square of an image."""
        from torchvision.transforms.v2 import functional

        x = image if isinstance(image, Tensor) else functional.pil_to_tensor(image)
        x = self._channels(x)
        height, width = x.shape[-2:]
        if (height, width) == (self.size, self.size):
            return x
        side = max(1, round(min(height, width) * self.share))
        top, left = (height - side) // 2, (width - side) // 2
        return functional.resized_crop(x, top, left, side, side, [self.size, self.size], antialias=True)

    def _channels(self, x: Tensor) -> Tensor:
        if x.dim() < 3 or 0 in x.shape[-3:]:
            raise ValueError(f"'image' must have channels, rows and columns (got {describe(x)})")
        if x.size(-3) == self.channels:
            return x
        if self.channels == 3 and x.size(-3) == 1:
            return x.expand(*x.shape[:-3], 3, *x.shape[-2:])
        if self.channels == 1 and x.size(-3) == 3:
            from torchvision.transforms.v2 import functional

            return functional.rgb_to_grayscale(x)
        raise ValueError(f"'image' must have {self.channels} channels (got {describe(x)})")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.size}, share={self.share}, channels={self.channels})"
