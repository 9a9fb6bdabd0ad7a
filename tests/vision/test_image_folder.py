import os
import re
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gnnclr.vision import cifar10, image_folder, torchvision_images
from gnnclr.vision.image_folder import cache_folder


def write(root, classes=("cat", "dog"), n=10, size=(32, 32), split=""):
    generator = np.random.default_rng(len(split))
    for label, name in enumerate(classes):
        (root / split / name).mkdir(parents=True)
        for i in range(n):
            pixels = generator.integers(0, 100, (size[1], size[0], 3), dtype=np.uint8) + 100 * label
            Image.fromarray(pixels.astype(np.uint8)).save(root / split / name / f"{i}.png")


@pytest.fixture
def splits(tmp_path):
    root = tmp_path / "images"
    write(root, split="train")
    write(root, n=3, split="test")
    return root


def test_folder_with_splits(splits, tmp_path):
    data = image_folder(splits, 32, cache=tmp_path / "cache")
    assert data.classes == ["cat", "dog"]
    assert data.train.labels.bincount().tolist() == [9, 9] and data.val.labels.bincount().tolist() == [1, 1]
    assert data.test.labels.tolist() == [0, 0, 0, 1, 1, 1]
    expected = np.asarray(Image.open(splits / "test" / "dog" / "2.png")).transpose(2, 0, 1)
    assert np.array_equal(data.test.images[5].numpy(), expected)
    assert (data.train.images.float().mean(dim=(1, 2, 3)) > 100).long().tolist() == data.train.labels.tolist()


def test_folder_without_splits(tmp_path):
    write(tmp_path / "images", n=20)
    data = image_folder(tmp_path / "images", 32, cache=tmp_path / "cache", test=0.25)
    assert data.test.labels.bincount().tolist() == [5, 5]
    assert len(data.train.labels) + len(data.val.labels) == 30
    everything = torch.cat([data.train.images, data.val.images, data.test.images]).flatten(1)
    assert len(everything.unique(dim=0)) == 40


def test_archive_equals_folder(splits, tmp_path):
    archive = tmp_path / "images.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in splits.rglob("*.png"):
            file.write(path, path.relative_to(splits))
    a = image_folder(archive, 32, cache=tmp_path / "cache")
    b = image_folder(splits, 32, cache=tmp_path / "cache")
    assert torch.equal(a.train.images, b.train.images) and torch.equal(a.test.labels, b.test.labels)


def test_images_are_decoded_once(splits, tmp_path, monkeypatch):
    first = image_folder(splits, 32, cache=tmp_path / "cache")
    files = sorted(path.name for path in (tmp_path / "cache").iterdir())
    assert len(files) == 2 and all(name.endswith(".npz") for name in files)
    monkeypatch.setattr(sys.modules["gnnclr.vision.image_folder"], "_decode", None)
    second = image_folder(splits, 32, cache=tmp_path / "cache")
    assert torch.equal(first.train.images, second.train.images)


def test_a_changed_file_is_decoded_again(splits, tmp_path):
    image_folder(splits, 32, cache=tmp_path / "cache")
    path = splits / "test" / "cat" / "0.png"
    Image.fromarray(np.zeros((32, 32, 3), dtype=np.uint8)).save(path)
    os.utime(path, ns=(1, 1))
    assert not image_folder(splits, 32, cache=tmp_path / "cache").test.images[0].any()


def test_other_sizes_are_resized(tmp_path):
    write(tmp_path / "images", n=10, size=(40, 20))
    data = image_folder(tmp_path / "images", 16, cache=tmp_path / "cache")
    assert data.shape == (3, 16, 16)


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("GNNCLR_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("GNNCLR_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert cache_folder() == tmp_path / "gnnclr"


def test_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'root' must be a folder or a zip file .* does not exist"):
        image_folder(tmp_path / "nowhere", 32)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="'root' must hold images in train/<class>/"):
        image_folder(tmp_path / "empty", 32)
    with pytest.raises(ValueError, match="'size' must be a positive integer"):
        image_folder(tmp_path, 0)
    (tmp_path / "no.zip").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="'root' must be a folder or a zip file of images"):
        image_folder(tmp_path / "no.zip", 32)


def test_broken_image(tmp_path):
    write(tmp_path / "images", n=4)
    (tmp_path / "images" / "cat" / "9.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"'root' must hold readable images \(got 'cat/9.jpg'"):
        image_folder(tmp_path / "images", 32, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_cifar10_folder(splits, tmp_path):
    assert cifar10(splits, cache=tmp_path / "cache").shape == (3, 32, 32)


def test_cifar10_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'root' must be or hold cifar10.zip.*does not exist"):
        cifar10(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="holds none of these"):
        cifar10(tmp_path)
    with pytest.raises(FileNotFoundError, match="'root' must be a folder with torchvision's CIFAR100"):
        torchvision_images("CIFAR100", tmp_path)
    with pytest.raises(ValueError, match="'name' must be one of"):
        torchvision_images("MNIST", tmp_path)


def test_torchvision_layout(tmp_path, monkeypatch):
    from torchvision import datasets

    class Fake:
        def __init__(self, root, train):
            n = 40 if train else 8
            self.data, self.targets, self.classes = np.zeros((n, 32, 32, 3), np.uint8), [0, 1] * (n // 2), ["a", "b"]

    (tmp_path / "cifar-10-batches-py").mkdir()
    monkeypatch.setattr(datasets, "CIFAR10", Fake)
    data = cifar10(tmp_path)
    assert repr(data) == "Images(train=36, val=4, test=8, shape=[3, 32, 32], classes=2)"


def test_torchvision_cifar100(tmp_path, monkeypatch):
    from torchvision import datasets

    pixels = np.arange(40 * 32 * 32 * 3).reshape(40, 32, 32, 3).astype(np.uint8)

    class Fake:
        def __init__(self, root, train):
            n = 40 if train else 8
            self.data, self.targets, self.classes = pixels[:n], [0, 1] * (n // 2), ["a", "b"]

    monkeypatch.setattr(datasets, "CIFAR100", Fake)
    data = torchvision_images("CIFAR100", tmp_path)
    assert data.test.images.is_contiguous() and data.test.labels.tolist() == [0, 1] * 4
    assert np.array_equal(data.test.images[5, 2].numpy(), pixels[5, :, :, 2])


def test_torchvision_stl10(tmp_path, monkeypatch):
    from torchvision import datasets

    columns = np.random.default_rng(0).integers(0, 256, (40, 3, 6, 6), dtype=np.uint8)

    class Fake:
        def __init__(self, root, split):
            n = {"train": 20, "test": 8, "unlabeled": 40}[split]
            self.data, self.classes = columns[:n].transpose(0, 1, 3, 2), ["a", "b"]
            self.labels = np.full(n, -1) if split == "unlabeled" else np.arange(n, dtype=np.uint8) % 2

    monkeypatch.setattr(datasets, "STL10", Fake)
    data = torchvision_images("STL10", tmp_path)
    assert repr(data) == "Images(train=18, val=2, test=8, extra=40, shape=[3, 6, 6], classes=2)"
    assert np.array_equal(data.extra[7, 1].numpy(), columns[7, 1].T)
    assert data.extra.is_contiguous() and data.unlabelled.shape == (60, 3, 6, 6)


@pytest.mark.data
@pytest.mark.skipif("GNNCLR_DATA" not in os.environ, reason="needs GNNCLR_DATA, the folder that holds cifar10.zip")
def test_cifar10_files(tmp_path):
    data = cifar10(os.environ["GNNCLR_DATA"], cache=tmp_path)
    assert repr(data) == "Images(train=45000, val=5000, test=10000, shape=[3, 32, 32], classes=10)"
    assert data.classes[0] == "airplane" and data.classes[-1] == "truck"
    assert data.test.labels.bincount().tolist() == [1000] * 10
    mean = data.train.images.float().mean(dim=(0, 2, 3)) / 255
    torch.testing.assert_close(mean, torch.tensor([0.4914, 0.4822, 0.4465]), atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-500], lambda data: data[:900] + bytes(64) + data[964:], lambda _: b""]
)
def test_a_damaged_cache_is_made_anew(damage, splits, tmp_path, capsys):
    cache = tmp_path / "cache"
    first = image_folder(splits, 32, cache=cache)
    assert capsys.readouterr().err == ""
    paths = sorted(cache.iterdir())
    good = [path.read_bytes() for path in paths]
    for path, data in zip(paths, good):
        path.write_bytes(damage(data))
    second = image_folder(splits, 32, cache=cache)
    assert torch.equal(first.train.images, second.train.images) and torch.equal(first.test.images, second.test.images)
    error = capsys.readouterr().err
    assert all(f"the cache '{path}' is damaged and made anew" in error for path in paths)
    image_folder(splits, 32, cache=cache)
    assert capsys.readouterr().err == "" and sorted(cache.iterdir()) == paths


def test_a_cache_that_cannot_be_kept_is_named(splits, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(OSError, match=re.escape(str(tmp_path / "cache"))):
        image_folder(splits, 32, cache=tmp_path / "cache")


def test_a_damaged_archive_is_named(splits, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "images"), "zip", splits)
    with zipfile.ZipFile(archive) as file:
        info = max(file.infolist(), key=lambda info: info.file_size)
    data = bytearray(Path(archive).read_bytes())
    data[info.header_offset + 80 : info.header_offset + 90] = bytes(10)
    Path(archive).write_bytes(data)
    with pytest.raises(ValueError, match=rf"'{archive}/{info.filename}' must be complete .*; get '{archive}' again"):
        image_folder(archive, 32, cache=tmp_path / "cache")
