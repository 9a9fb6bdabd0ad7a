"""Decodes JPEG files by simplejpeg, where it is installed: faster than Pillow, to the same pixels."""

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

#: The oldest libjpeg-turbo of Pillow, by its first number, whose pixels are those of simplejpeg's.
OLDEST_TURBO = 3


def jpeg_pixels(image: "Image") -> np.ndarray | None:
    """The pixels of an image that Pillow has opened and not yet decoded, if it is a JPEG of colors or grey.

    Pillow and simplejpeg both have libjpeg-turbo inside, which gives them the same pixels, bit for bit: what a run
    sees does not depend on what is installed. Whatever simplejpeg objects to is left to Pillow, which refuses it or
    not; so are CMYK, whose colors Pillow converts, and all files where Pillow was built with another library.

    Args:
        image (PIL.Image.Image): The image, whose header says its size: nothing larger is decoded.

    Returns:
        numpy.ndarray: Red, green and blue :math:`(H, W, 3)`, ``uint8``, not turned; :obj:`None` if Pillow must decode.
    """
    from PIL.JpegImagePlugin import JpegImageFile

    if not isinstance(image, JpegImageFile) or image.mode not in ("RGB", "L") or (simplejpeg := _simplejpeg()) is None:
        return None
    shape = (image.height, image.width, 3)
    image.fp.seek(0)
    try:
        pixels = simplejpeg.decode_jpeg(image.fp.read(), "RGB", buffer=np.empty(shape, np.uint8))
    except ValueError:  # cut, damaged, or larger than its header says
        return None
    return pixels if pixels.shape == shape else None


@cache
def _simplejpeg() -> ModuleType | None:
    """The package, if its pixels are those of Pillow."""
    from PIL import features

    turbo = features.version_feature("libjpeg_turbo")
    if turbo is None or int(turbo.split(".")[0]) < OLDEST_TURBO:
        return None
    try:
        return import_module("simplejpeg")
    except ImportError:
        return None
