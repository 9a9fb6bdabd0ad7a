"""Pictures of any mode as red, green and blue of eight bits."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

#: The largest value that a floating point image may mean by white.
FLOAT_WHITES = (1, 255, 65535)


def eight_bit_rgb(image: "Image") -> "Image":
    """The first frame of a picture in mode ``RGB``.

    - Values of more than eight bits are scaled, from 65,535 to 255 (of TIFF files of 9 to 15 bits, from the largest
      that these hold), and not cut off at 255 as Pillow does.
    - Floating point values are in [0, 1] if none is larger, else in [0, 255] or in [0, 65,535].
    - Transparent pixels have no color: they become white.
    - Other modes (palettes, one bit, CMYK, YCbCr, ...) are converted by Pillow.

    Args:
        image (PIL.Image.Image): The picture.

    Raises:
        ValueError: If values are negative, not finite or of more than 16 bits, or Pillow cannot convert the mode.
    """
    from PIL import Image

    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(_eight_bits(image)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: "Image") -> np.ndarray:
    values = np.asarray(image).astype(np.float64)
    low, high = values.min(), values.max()
    if not 0 <= low <= high <= FLOAT_WHITES[-1]:  # also NaN
        raise ValueError(f"values of mode {image.mode} must be between 0 and 65535 (got {low:g} to {high:g})")
    if image.mode == "F":
        white = next(white for white in FLOAT_WHITES if high <= white)
    else:
        bits = getattr(image, "tag_v2", {}).get(258, (16,))[0]
        white = 2**bits - 1 if 8 < bits < 16 else 65535
    return np.rint(values.clip(max=white) * (255 / white)).astype(np.uint8)
