import io
import random
import sys
from itertools import product

import numpy as np
import pytest
import torch
from photo_files import picture
from PIL import Image, ImageOps, features

from gnnclr.vision import decode_photo
from gnnclr.vision.photos import decode, jpeg_pixels
from gnnclr.vision.photos.decode import ORIENTATION, PhotoTooLarge, decode_pixels, upright_pixels

simplejpeg = pytest.importorskip("simplejpeg", reason="needs simplejpeg, which the extra 'photos' installs")
if jpeg_pixels._simplejpeg() is None:
    pytest.skip("needs a Pillow with libjpeg-turbo 3", allow_module_level=True)
SIZES = [(1, 1), (1, 9), (9, 1), (3, 5), (16, 16), (17, 33), (61, 47)]
#: How files are written, by Pillow.
KINDS = {
    "444": {"subsampling": 0},
    "422": {"subsampling": 1},
    "420": {"subsampling": 2},
    "444 progressive": {"subsampling": 0, "progressive": True},
    "420 progressive": {"subsampling": 2, "progressive": True},
    "restarts": {"subsampling": 2, "restart_marker_blocks": 2},
    "progressive restarts": {"subsampling": 1, "restart_marker_blocks": 2, "progressive": True},
    "optimized": {"optimize": True},
    "red, green and blue": {"keep_rgb": True},
    "grey": {"mode": "L"},
    "grey progressive": {"mode": "L", "progressive": True},
}
BY_PILLOW = {"cmyk.jpg": ("CMYK", "jpeg"), "color.png": ("RGB", "png"), "color.webp": ("RGB", "webp")}


def jpeg(height=17, width=33, mode="RGB", **options):
    file = io.BytesIO()
    options.setdefault("format", "jpeg")
    Image.fromarray(picture(height, width, height * width)).convert(mode).save(file, **options)
    return file.getvalue()


def by_pillow(content):
    """What Pillow alone makes of a file, or the error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jpeg_pixels, "_simplejpeg", lambda: None)
        return outcome(content)


def outcome(content):
    try:
        return decode_pixels(content)
    except ValueError as error:
        return type(error), str(error)


def is_fast(content):
    with Image.open(io.BytesIO(content)) as image:
        return jpeg_pixels.jpeg_pixels(image) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_those_of_pillow(kind):
    for (height, width), quality in product(SIZES, (5, 75, 100)):
        content = jpeg(height, width, quality=quality, **KINDS[kind])
        with Image.open(io.BytesIO(content)) as image:
            expected = np.asarray(image.convert("RGB"))
        found = decode_pixels(content)
        assert is_fast(content) and np.array_equal(found.permute(1, 2, 0), expected)
        assert torch.equal(by_pillow(content), found)


@pytest.mark.parametrize("subsampling", ["440", "411"])
def test_other_subsamplings(subsampling):
    for height, width in SIZES:
        content = simplejpeg.encode_jpeg(picture(height, width), 80, "RGB", subsampling)
        assert is_fast(content) and torch.equal(by_pillow(content), decode_pixels(content))


@pytest.mark.parametrize("name", BY_PILLOW)
def test_other_files_are_left_to_pillow(name):
    mode, format = BY_PILLOW[name]
    content = jpeg(mode=mode, format=format)
    assert not is_fast(content) and torch.equal(by_pillow(content), decode_pixels(content))


@pytest.mark.parametrize("orientation", range(10))
def test_orientations(orientation, tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = jpeg(exif=exif)
    (tmp_path / "0.jpg").write_bytes(content)
    with Image.open(io.BytesIO(content)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
        assert np.array_equal(upright_pixels(image).permute(1, 2, 0), expected)
    for file in (content, tmp_path / "0.jpg", str(tmp_path / "0.jpg")):
        assert np.array_equal(np.asarray(decode_photo(file)), expected)
        assert torch.equal(decode_pixels(file), by_pillow(file))


def test_several_frames():
    content, second = jpeg(format="mpo", save_all=True, append_images=[Image.new("RGB", (8, 8))]), jpeg()
    assert Image.open(io.BytesIO(content)).format == "MPO" and is_fast(content)
    found = decode_pixels(content)
    assert torch.equal(found, by_pillow(content)) and torch.equal(found, decode_pixels(second))


def test_damaged_files_are_refused_as_by_pillow():
    draws, refused, changed = random.Random(0), 0, 0
    contents = [jpeg(**options) for options in KINDS.values()]
    for turn in range(1500):
        content = bytearray(draws.choice(contents))
        where = draws.randrange(len(content))
        if turn % 4 == 0:
            del content[where:]
        elif turn % 4 == 1:
            content[where:] = b"\xff\xd9"  # cut, with an end
        elif turn % 4 == 2:
            content[where] ^= 1 << draws.randrange(8)
        else:
            content[where : where + draws.randrange(5)] = draws.randbytes(draws.randrange(5))
        found, expected = outcome(bytes(content)), by_pillow(bytes(content))
        if isinstance(expected, torch.Tensor):
            assert torch.equal(found, expected)
            changed += 1
        else:
            assert found == expected
            refused += 1
    assert refused > 300 and changed > 300


def test_nothing_of_a_large_photo_is_decoded(monkeypatch):
    monkeypatch.setattr(decode, "jpeg_pixels", lambda image: pytest.fail("decoded"))
    with pytest.raises(PhotoTooLarge, match=r"'a\.jpg' must have at most 560 pixels \(got 33 × 17\)"):
        decode_pixels(jpeg(), "a.jpg", max_pixels=560)


@pytest.mark.parametrize("size", [(32, 17), (34, 17), (17, 33)])
def test_a_size_that_is_not_that_of_the_header(size):
    with Image.open(io.BytesIO(jpeg())) as image:
        image._size = size
        assert jpeg_pixels.jpeg_pixels(image) is None


def test_it_is_used_where_pixels_are_the_same(monkeypatch):
    find = jpeg_pixels._simplejpeg.__wrapped__
    assert find() is simplejpeg
    for version, found in {None: None, "2.1.5": None, "3.0.1": simplejpeg, "12.0": simplejpeg}.items():
        monkeypatch.setattr(features, "version_feature", lambda name, version=version: version)
        assert find() is found
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    assert find() is None
