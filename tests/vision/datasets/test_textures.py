import pytest
import torch

from gnnclr.vision import ImageQuilting, NonSemanticPatches, Textures
from gnnclr.vision.datasets import textures as module


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
