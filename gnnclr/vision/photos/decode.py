"""Reads a photo of any mode as red, green and blue, upright."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gnnclr.vision.datasets.eight_bit_rgb import eight_bit_rgb
from gnnclr.vision.photos.jpeg_pixels import jpeg_pixels

if TYPE_CHECKING:
    from PIL.Image import Image

#: The most pixels that a photo may have where nothing else is said: 100 megapixels, 300 MB once decoded.
MAX_PIXELS = 100_000_000
#: The tag of EXIF that says how the camera was held.
ORIENTATION = 0x0112
#: What turns pixels upright, by orientation: whether rows become columns, and which dimensions are then reversed.
TURNS = {
    2: (False, [2]),
    3: (False, [1, 2]),
    4: (False, [1]),
    5: (True, []),
    6: (True, [2]),
    7: (True, [1, 2]),
    8: (True, [1]),
}


class BrokenPhoto(ValueError):
    """A file that holds no image, or an image that cannot be decoded to its end."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"'{name}' must be a readable image ({reason})")
        self.name = name
        self.reason = reason


class PhotoTooLarge(ValueError):
    """An image of more pixels than are allowed. Nothing of it is decoded."""


def decode_photo(file: bytes | str | Path, name: str | None = None, max_pixels: int = MAX_PIXELS) -> "Image":
    """The first frame of an image file in mode ``RGB``, turned upright as its EXIF data say.

    Grey, transparent, palette, CMYK and 16-bit images become red, green and blue of eight bits, see
    :func:`~gnnclr.vision.datasets.eight_bit_rgb.eight_bit_rgb`.

    Args:
        file (bytes, str or Path): The contents of a file, or its path.
        name (str, optional): The name of the file, for messages. (default: the path)
        max_pixels (int, optional): The most pixels that are decoded. (default: ``100_000_000``)

    Raises:
        FileNotFoundError: If there is no file at the path.
        BrokenPhoto: If the file is no image, or is cut or damaged.
        PhotoTooLarge: If the image has more than :obj:`max_pixels` pixels, which its first bytes say.
    """
    from PIL import Image

    return Image.fromarray(decode_pixels(file, name, max_pixels).permute(1, 2, 0).numpy())


def decode_pixels(file: bytes | str | Path, name: str | None = None, max_pixels: int = MAX_PIXELS) -> Tensor:
    """The pixels of :func:`decode_photo`, with the same arguments and errors.

    Returns:
        torch.Tensor: Red, green and blue :math:`(3, H, W)`, ``uint8``.
    """
    from PIL import Image, UnidentifiedImageError

    name = ("image" if isinstance(file, bytes) else str(file)) if name is None else name
    try:
        with _quietly(), Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as image:
            if image.width * image.height > max_pixels:
                raise PhotoTooLarge(
                    f"'{name}' must have at most {max_pixels:,} pixels (got {image.width:,} × {image.height:,}); leave "
                    f"it out, or raise 'max_pixels'"
                )
            pixels = jpeg_pixels(image)
            return upright_pixels(image) if pixels is None else _upright(pixels, image)
    except (FileNotFoundError, IsADirectoryError, PermissionError, MemoryError, PhotoTooLarge):
        raise
    except UnidentifiedImageError:
        empty = not (file if isinstance(file, bytes) else Path(file).stat().st_size)
        raise BrokenPhoto(name, "got an empty file" if empty else "got a file that is no image") from None
    except Exception as error:  # Pillow's readers raise errors of many types for broken files
        raise BrokenPhoto(name, f"got {type(error).__name__}: {' '.join(str(error).split())}") from error


def upright_pixels(image: "Image") -> Tensor:
    """The first frame of an open image as red, green and blue, turned upright as its EXIF data say.

    Args:
        image (PIL.Image.Image): The image, in any mode. It stays as it is.

    Returns:
        torch.Tensor: The pixels :math:`(3, H, W)`, ``uint8``.
    """
    image.load()
    ready = image.mode == "RGB" and not image.has_transparency_data  # as nearly all photos are
    return _upright(np.array(image if ready else eight_bit_rgb(image)), image)


def _upright(pixels: np.ndarray, image: "Image") -> Tensor:
    orientation = 1
    with suppress(Exception):  # damaged EXIF data of a sound image
        orientation = image.getexif().get(ORIENTATION, 1)  # read last: TIFF files are turned while they load
    rows_to_columns, reversed_dims = TURNS.get(orientation, (False, []))
    upright = torch.from_numpy(_columns(pixels) if rows_to_columns else pixels).permute(2, 0, 1)
    return upright.flip(reversed_dims) if reversed_dims else upright


def _columns(pixels: np.ndarray) -> np.ndarray:
    """Pixels whose rows have become columns. Color by color it takes a sixth of the time."""
    height, width, colors = pixels.shape
    turned = np.empty((width, height, colors), pixels.dtype)
    for color in range(colors):
        turned[..., color] = pixels[..., color].T
    return turned


@contextmanager
def _quietly() -> Iterator[None]:
    """Pillow's own limit warns of less and refuses more; ours is checked before anything is decoded. Nor does it matter
    what Pillow says of data beside the pixels."""
    from PIL import Image

    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit
