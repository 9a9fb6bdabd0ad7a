"""Pictures of every mode become eight bits a color."""

import io

import numpy as np
import pytest
from PIL import Image

from gnnclr.vision.datasets.eight_bit_rgb import eight_bit_rgb


def picture(values, mode):
    array = np.asarray(values)
    if mode == "I;16B":
        return Image.frombytes(mode, array.shape[::-1], array.astype(">u2").tobytes())
    return Image.fromarray(array.astype({"I;16": "uint16", "I": "int32", "F": "float32"}[mode]))


def through(image, kind):
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return np.asarray(eight_bit_rgb(Image.open(io.BytesIO(buffer.getvalue()))))


VALUES = [[0, 128, 20000], [257, 32896, 65535]]
EXPECTED = [[0, 0, 78], [1, 128, 255]]


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("I;16", "PNG"), ("I;16", "TIFF"), ("I;16", "PPM"), ("I;16", "JPEG2000"), ("I;16B", "TIFF"), ("I", "TIFF"),
        ("I", "PPM"), ("F", "TIFF"),
    ],
)  # fmt: skip
def test_more_than_eight_bits_are_scaled(mode, kind):
    got = through(picture(VALUES, mode), kind)
    assert got.shape == (2, 3, 3) and (got == np.asarray(EXPECTED)[..., None]).all()


@pytest.mark.parametrize("white", [1, 255])
def test_floating_point_values(white):
    got = through(picture(np.asarray([[0.0, 0.2], [0.6, 1.0]]) * white, "F"), "TIFF")
    assert got[..., 0].tolist() == [[0, 51], [153, 255]]


def test_twelve_bits():
    image = picture([[0, 2048], [4095, 1024]], "I;16")
    image.tag_v2 = {258: (12,)}
    assert np.asarray(eight_bit_rgb(image))[..., 1].tolist() == [[0, 128], [255, 64]]


@pytest.mark.parametrize("values", [[[-1, 5]], [[0, 70000]]])
@pytest.mark.parametrize("mode", ["I", "F"])
def test_values_that_are_no_brightness_are_refused(values, mode):
    with pytest.raises(ValueError, match=r"values of mode [IF] must be between 0 and 65535 \(got"):
        eight_bit_rgb(picture(values, mode))
    with pytest.raises(ValueError, match="must be between 0 and 65535"):
        eight_bit_rgb(picture([[0.5, float("nan")]], "F"))


def test_what_is_transparent_is_white():
    half = Image.new("RGBA", (1, 1), (200, 0, 0, 128))
    assert np.abs(through(half, "PNG").astype(int) - [227, 127, 127]).max() <= 1
    for mode, color in (("RGBA", (9, 9, 9, 0)), ("LA", (9, 0))):
        assert (through(Image.new(mode, (1, 1), color), "PNG") == 255).all()
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putdata([0, 1])
    assert through(palette, "PNG").tolist() == [[[10, 20, 30], [40, 50, 60]]]
    palette.info["transparency"] = 0
    assert through(palette, "PNG").tolist() == [[[255, 255, 255], [40, 50, 60]]]


@pytest.mark.parametrize(
    ("mode", "kind", "color", "expected"),
    [
        ("1", "PNG", 1, [255] * 3), ("1", "TIFF", 0, [0] * 3), ("L", "PNG", 77, [77] * 3),
        ("CMYK", "TIFF", (0, 255, 255, 0), [255, 0, 0]), ("RGB", "BMP", (1, 2, 3), [1, 2, 3]),
    ],
)  # fmt: skip
def test_other_modes(mode, kind, color, expected):
    assert through(Image.new(mode, (2, 2), color), kind)[1, 1].tolist() == expected


def test_the_first_frame():
    frames = [Image.new("L", (2, 2), value) for value in (50, 150)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "TIFF", save_all=True, append_images=frames[1:])
    assert (np.asarray(eight_bit_rgb(Image.open(io.BytesIO(buffer.getvalue())))) == 50).all()
