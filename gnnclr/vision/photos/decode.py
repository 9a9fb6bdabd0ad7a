"""Reads a photo of any mode as red, green and blue, upright."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gnnclr.vision.datasets.eight_bit_rgb import eight_bit_rgb

if TYPE_CHECKING:
    from PIL.Image import Image

#: The most pixels that a photo may have where nothing else is said: 100 megapixels, 300 MB once decoded.
MAX_PIXELS = 100_000_000
#: The tag of EXIF that says how the camera was held.
ORIENTATION = 0x0112
#: What turns an image upright, by orientation.
TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
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
    from PIL import Image, UnidentifiedImageError

    name = ("image" if isinstance(file, bytes) else str(file)) if name is None else name
    try:
        with _quietly(), Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as image:
            if image.width * image.height > max_pixels:
                raise PhotoTooLarge(
                    f"'{name}' must have at most {max_pixels:,} pixels (got {image.width:,} × {image.height:,}); leave "
                    f"it out, or raise 'max_pixels'"
                )
            image.load()
            return upright_rgb(image, ours=True)
    except (FileNotFoundError, IsADirectoryError, PermissionError, MemoryError, PhotoTooLarge):
        raise
    except UnidentifiedImageError:
        empty = not (file if isinstance(file, bytes) else Path(file).stat().st_size)
        raise BrokenPhoto(name, "got an empty file" if empty else "got a file that is no image") from None
    except Exception as error:  # Pillow's readers raise errors of many types for broken files
        raise BrokenPhoto(name, f"got {type(error).__name__}: {' '.join(str(error).split())}") from error


def upright_rgb(image: "Image", ours: bool = False) -> "Image":
    """The first frame of an open image in mode ``RGB``, turned upright as its EXIF data say.

    Args:
        image (PIL.Image.Image): The image, in any mode.
        ours (bool, optional): Nobody else has the image, so that it need not be copied. (default: ``False``)
    """
    from PIL.Image import Transpose

    ready = ours and image.mode == "RGB" and not image.has_transparency_data  # as nearly all photos are
    rgb, orientation = image if ready else eight_bit_rgb(image), 1
    with suppress(Exception):  # damaged EXIF data of a sound image
        orientation = image.getexif().get(ORIENTATION, 1)  # read last: TIFF files are turned while they load
    turn = TURNS.get(orientation)
    rgb = rgb if turn is None else rgb.transpose(Transpose[turn])
    rgb.info = {}  # or it would be turned once more
    return rgb


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
