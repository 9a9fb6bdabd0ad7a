import numpy as np
import pytest
import torch
from photo_files import KINDS, picture, save
from PIL import Image

from gnnclr.vision import decode_photo
from gnnclr.vision.photos.decode import BrokenPhoto, PhotoTooLarge, upright_pixels


@pytest.mark.parametrize("name", KINDS)
def test_photos_of_all_kinds_are_color(name, tmp_path):
    save(tmp_path / name, **KINDS[name])
    image = decode_photo(tmp_path / name)
    height, width = KINDS[name].get("height", 40), KINDS[name].get("width", 56)
    assert image.mode == "RGB" and image.size == ((height, width) if "turned" in name else (width, height))
    if name not in ("bits.tif", "palette.gif"):
        expected = picture(height, width)
        if name in ("grey.png", "deep.png"):
            expected = np.asarray(Image.fromarray(expected).convert("L").convert("RGB"))
        expected = np.rot90(expected, -1) if "turned" in name else expected
        assert np.abs(np.asarray(image).astype(int) - expected).mean() < 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation, tmp_path):
    corner = np.zeros((4, 6, 3), np.uint8)
    corner[0, 0], corner[0, -1] = 255, 128  # top left and top right
    # What was done to it before, which is turned back.
    turns = [None, "FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE"]
    turn = [*turns, "ROTATE_90", "TRANSVERSE", "ROTATE_270"][orientation - 1]
    image = Image.fromarray(corner)
    image = image if turn is None else image.transpose(Image.Transpose[turn])
    exif = Image.Exif()
    exif[0x0112] = orientation
    for suffix in ("png", "tif"):
        image.save(tmp_path / f"0.{suffix}", exif=exif)
        assert np.array_equal(np.asarray(decode_photo(tmp_path / f"0.{suffix}")), corner)


def test_orientations_are_those_of_pillow(tmp_path):
    from PIL import ImageOps

    save(tmp_path / "0.jpg", turned=True)
    with Image.open(tmp_path / "0.jpg") as image:
        expected = ImageOps.exif_transpose(image)
    assert np.array_equal(np.asarray(decode_photo((tmp_path / "0.jpg").read_bytes())), np.asarray(expected))


def test_broken_files_say_why(tmp_path):
    save(tmp_path / "0.jpg")
    data = (tmp_path / "0.jpg").read_bytes()
    for broken, reason in {b"": "empty file", b"text": "no image", data[: len(data) // 2]: "truncated"}.items():
        with pytest.raises(BrokenPhoto, match=rf"'a\.jpg' must be a readable image \(got .*(?i:{reason})"):
            decode_photo(broken, "a.jpg")
    with pytest.raises(FileNotFoundError):
        decode_photo(tmp_path / "none.jpg")


def test_a_bomb_is_not_decoded(tmp_path, recwarn):
    Image.new("1", (20_000, 5_001)).save(tmp_path / "bomb.png")
    limit = Image.MAX_IMAGE_PIXELS
    with pytest.raises(PhotoTooLarge, match=r"bomb\.png' must have at most 100,000,000 pixels \(got 20,000 × 5,001\)"):
        decode_photo(tmp_path / "bomb.png")
    save(tmp_path / "0.png", 10, 10)
    with pytest.raises(PhotoTooLarge, match="at most 99 pixels"):
        decode_photo(tmp_path / "0.png", max_pixels=99)
    assert decode_photo(tmp_path / "0.png", max_pixels=100).size == (10, 10)
    assert limit == Image.MAX_IMAGE_PIXELS and not recwarn.list


def test_damaged_exif_data_do_not_matter(tmp_path):
    save(tmp_path / "0.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert decode_photo(tmp_path / "0.jpg").size == (56, 40)


def test_images_of_others_stay_as_they_are():
    pixels = picture(4, 6)
    image = Image.fromarray(pixels)
    image.info["dpi"] = (72, 72)
    found = upright_pixels(image)
    assert found.dtype == torch.uint8 and np.array_equal(found.permute(1, 2, 0), pixels)
    found.zero_()
    assert np.array_equal(np.asarray(image), pixels) and image.info == {"dpi": (72, 72)}


def test_decoded_photos_have_no_orientation_left(tmp_path):
    save(tmp_path / "0.jpg", turned=True)
    assert decode_photo(tmp_path / "0.jpg").info == {}
