import os
import shutil

import pytest
import torch
from photo_files import photo_folder, save

from gnnclr.vision import CentralSquare, ImageQuilting, MappedPhotos, NonSemanticPatches, PhotoFolder, Textures
from gnnclr.vision.datasets import textures as module
from gnnclr.vision.photos.reader import read_squares


def images_of(n=10, channels=3, side=8, seed=0):
    return torch.randint(0, 256, (n, channels, side, side), dtype=torch.uint8, generator=torch.manual_seed(seed))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(module, "PART", 4)
    monkeypatch.setattr(module, "BATCH", 3)


def test_a_texture_is_a_function_of_seed_and_image(tmp_path):
    images = images_of()
    found = Textures(cache=str(tmp_path)).of_images(images)
    order = torch.tensor([7, 2, 9, 2])
    assert torch.equal(Textures(cache=str(tmp_path)).of_images(images[order]), found[order])
    assert not torch.equal(Textures(seed=1, cache=str(tmp_path)).of_images(images), found)
    # Pixels are those of the image, with their channels.
    for image, texture in zip(images, found):
        colors = set(map(tuple, image.flatten(1).t().tolist()))
        assert set(map(tuple, texture.flatten(1).t().tolist())) <= colors
        assert not torch.equal(image, texture)


def test_textures_are_made_once(tmp_path, capsys):
    images, textures = images_of(), Textures(cache=str(tmp_path))
    found = textures.of_images(images)
    assert "10 textures made in" in capsys.readouterr().out
    files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(files) == 3
    assert torch.equal(Textures(cache=str(tmp_path)).of_images(images), found)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files and not capsys.readouterr().out
    # Others have files of their own.
    for other in (Textures(ImageQuilting(block=0.6), cache=str(tmp_path)), Textures(seed=3, cache=str(tmp_path))):
        other.of_images(images)
    assert len(list(tmp_path.iterdir())) == 9
    # A damaged file is made anew.
    path = min(files)
    path.write_bytes(path.read_bytes()[:-40])
    assert torch.equal(textures.of_images(images), found) and "is damaged and made anew" in capsys.readouterr().err


def test_a_stopped_one_goes_on(tmp_path, monkeypatch):
    images = images_of()
    expected = Textures(cache=str(tmp_path / "whole")).of_images(images)
    textures, made = Textures(cache=str(tmp_path / "stopped")), []
    draw = textures._params

    def stop(batch):
        made.append(len(batch))
        if len(made) == 3:
            raise KeyboardInterrupt
        return draw(batch)

    monkeypatch.setattr(textures, "_params", stop)
    with pytest.raises(KeyboardInterrupt):
        textures.of_images(images)
    assert [path.name[-8:] for path in (tmp_path / "stopped").iterdir()] == ["0000.npz"]
    assert torch.equal(textures.of_images(images), expected)
    assert made[-3:] == [3, 1, 2]  # the images of the first file are not made again


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_change_nothing(tmp_path, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = Textures(cache=str(tmp_path)).of_images(images_of(20, 1))
    finally:
        torch.set_num_threads(before)
    assert int(found.long().sum()) == int(Textures(cache=str(tmp_path / "b")).of_images(images_of(20, 1)).long().sum())


def test_other_transforms_and_no_images(tmp_path, monkeypatch):
    monkeypatch.setenv("GNNCLR_CACHE", str(tmp_path))
    textures = Textures(NonSemanticPatches())
    assert textures.of_images(images_of()).shape == (10, 3, 8, 8) and textures.folder == tmp_path / "textures"
    assert textures.of_images(images_of(0)).shape == (0, 3, 8, 8)
    assert str(textures).startswith("Textures(NonSemanticPatches(")


def test_errors(tmp_path):
    with pytest.raises(
        ValueError, match=r"'transform' must be a BatchTransform, such as ImageQuilting \(got str 'x'\)"
    ):
        Textures("x")
    with pytest.raises(ValueError, match="'seed' must be an integer"):
        Textures(seed=-1)
    with pytest.raises(ValueError, match=r"'images' must be uint8 of shape \[n, c, h, w\]"):
        Textures(cache=str(tmp_path)).of_images(torch.rand(2, 1, 8, 8))


def squares_of(source, square, index):
    return torch.stack([next(read_squares(source, square, row.view(1))).images[0] for row in index])


def test_textures_of_photos_are_those_of_their_squares(tmp_path, capsys):
    """Of photos of any size and mode, whoever reads; they are made once, and again where a photo is another one."""
    names = photo_folder(tmp_path / "photos", 12)
    source, square = PhotoFolder(tmp_path / "photos"), CentralSquare(12)
    index = torch.tensor([3, 0, 7, 11, 4])
    textures = Textures(cache=str(tmp_path / "cache"))
    found = textures.of_photos(source, square, index)
    images = squares_of(source, square, index)
    assert torch.equal(found, Textures(cache=str(tmp_path / "others")).of_images(images))
    assert "5 textures made in" in capsys.readouterr().out
    assert torch.equal(textures.of_photos(PhotoFolder(tmp_path / "photos"), square, index, workers=1), found)
    assert "made in" not in capsys.readouterr().out
    assert not torch.equal(textures.of_photos(source, square, index.flip(0)), found)
    assert len(list((tmp_path / "cache").glob("photos-*"))) == 2
    name = sorted(names)[3]
    (tmp_path / "photos" / name).write_bytes((tmp_path / "photos" / sorted(names)[1]).read_bytes())
    again = textures.of_photos(PhotoFolder(tmp_path / "photos"), square, index)
    assert torch.equal(again[1:], found[1:]) and not torch.equal(again[0], found[0])


def test_the_same_photos_elsewhere_have_their_textures(tmp_path, capsys):
    """In a copy of a folder and in a zip file of it nothing is made; of a photo of the same size and time it is."""
    for i in range(5):
        save(tmp_path / "photos" / f"{i}.bmp", 20, 24, seed=i)
    textures, square, index = Textures(cache=str(tmp_path / "cache")), CentralSquare(8), torch.arange(5)
    found = textures.of_photos(PhotoFolder(tmp_path / "photos"), square, index)
    assert "5 textures made in" in capsys.readouterr().out
    shutil.copytree(tmp_path / "photos", tmp_path / "copy", copy_function=shutil.copyfile)
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "photos")
    for root in ("copy", "packed.zip"):
        assert torch.equal(textures.of_photos(PhotoFolder(tmp_path / root), square, index), found)
    assert "made in" not in capsys.readouterr().out
    path = tmp_path / "photos" / "2.bmp"
    before, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 128  # a pixel in the middle
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    again = textures.of_photos(PhotoFolder(tmp_path / "photos"), square, index)
    assert "5 textures made in" in capsys.readouterr().out
    assert torch.equal(again[[0, 1, 3, 4]], found[[0, 1, 3, 4]]) and not torch.equal(again[2], found[2])


def test_textures_of_photos_without_files(tmp_path):
    """They are known by their pixels."""
    from PIL import Image

    images = [Image.effect_noise((20, 15 + i), 90) for i in range(4)]
    textures, square, index = Textures(cache=str(tmp_path)), CentralSquare(8), torch.arange(4)
    mapped = [MappedPhotos([(image,) for image in some]) for some in (images, images, images[::-1])]
    found = [textures.of_photos(photos, square, index) for photos in mapped]
    assert torch.equal(found[0], found[1]) and torch.equal(found[2], found[0].flip(0))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_photo_that_is_gone_is_named(tmp_path):
    photo_folder(tmp_path / "photos", 3, kinds=False)
    source = PhotoFolder(tmp_path / "photos")
    (tmp_path / "photos" / source.names[1]).unlink()
    with pytest.raises(ValueError, match=f"'{source.names[1]}' must stay as it was when the run began"):
        Textures(cache=str(tmp_path / "cache")).of_photos(source, CentralSquare(8), torch.arange(3))


@pytest.mark.parametrize(
    ("side", "threads", "expected"), [(32, 4, (128, 4)), (64, 4, (8, 4)), (128, 4, (1, 2)), (224, 4, (1, 1))]
)
def test_large_images_are_quilted_few_at_a_time(side, threads, expected, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 128)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert module._at_once((50, 3, side, side)) == expected
