import os
import re
import shutil
import sys
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch
from PIL import Image

from gnnclr.vision import cifar10, image_folder, torchvision_images
from gnnclr.vision.datasets.image_files import find_images
from gnnclr.vision.datasets.image_folder import _decode, cache_folder
from gnnclr.vision.datasets.walk import walk_files


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


def touch(root, *names):
    """Small images, or empty files where a name is that of no image."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".txt", ""):
            path.write_text("x")
        else:
            Image.new("RGB", (4, 4)).save(path)


def test_images_lie_however_deep_below_the_folder_of_their_class(tmp_path, capsys):
    touch(tmp_path, *(f"train/cat/{i % 3}/{i}.png" for i in range(20)), *(f"train/dog/{i}.png" for i in range(20)))
    touch(tmp_path, "test/cat/a/b/c/0.png", "test/dog/0.png", "test/dog/x/1.png")
    data = image_folder(tmp_path, 4, cache=tmp_path / ".cache")
    assert data.classes == ["cat", "dog"] and data.test.labels.tolist() == [0, 1, 1]
    assert data.train.labels.bincount().tolist() == [18, 18]
    line = f"43 images of 2 classes in '{tmp_path}': 36 train, 4 val (held out), 3 test\n"
    assert capsys.readouterr().out == line


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val"])
def test_a_folder_for_validation(tmp_path, name, capsys):
    touch(tmp_path, *(f"{part}/{c}/{i}.png" for part in ("train", "test", name) for c in "ab" for i in range(3)))
    data = image_folder(tmp_path, 4, cache=tmp_path / ".cache")
    assert repr(data) == "Images(train=6, val=6, test=6, shape=[3, 4, 4], classes=2)"
    assert capsys.readouterr().out == f"18 images of 2 classes in '{tmp_path}': 6 train, 6 val, 6 test\n"


def test_a_test_part_is_held_out_where_there_is_none(tmp_path, capsys):
    touch(tmp_path, *(f"train/{c}/{i}.png" for c in "ab" for i in range(10)), "val/a/0.png", "val/b/0.png")
    touch(tmp_path, "test/0.png")  # in no folder of a class
    data = image_folder(tmp_path, 4, cache=tmp_path / ".cache", test=0.2)
    assert [len(part.labels) for part in (data.train, data.val, data.test)] == [16, 2, 4]
    rest = "16 train, 2 val, 4 test (held out); passed over 1 file: 1 in no folder of a class\n"
    assert capsys.readouterr().out.endswith(rest)


@pytest.mark.parametrize("suffix", ["tif", "tiff", "TIF", "jpg", "webp", "bmp", "gif", "jp2", "ppm", "pgm", "tga"])
def test_all_formats_of_pillow_are_read(tmp_path, suffix):
    for i in range(2):
        (tmp_path / "ab"[i]).mkdir()
        Image.new("L" if suffix == "pgm" else "RGB", (16, 16), 200 if suffix == "pgm" else (200,) * 3).save(
            tmp_path / "ab"[i] / f"0.{suffix}"
        )
    files = find_images(path.relative_to(tmp_path) for path in tmp_path.rglob("*.*"))
    assert len(files.parts["all"]) == 2 and not files.passed_over
    pixels = _decode("0", (tmp_path / "a" / f"0.{suffix}").read_bytes(), 16)
    assert abs(pixels.astype(int) - 200).max() <= 2


def test_what_is_passed_over_is_counted(tmp_path, capsys):
    touch(tmp_path, *(f"{c}/{i}.png" for c in "ab" for i in range(10)), "0.png", "a/notes.txt", "b/README")
    touch(tmp_path, "a/._0.png", ".cache/a/0.png", "__MACOSX/a/0.png", "a/more.txt")
    image_folder(tmp_path, 4, cache=tmp_path.parent / "cache")
    rest = "passed over 7 files: 3 hidden, 2 with no extension of an image (.txt), "
    rest += "1 in no folder of a class, 1 with no extension of an image (none)\n"
    assert sorted(capsys.readouterr().out.split("; ")[1]) == sorted(rest)
    (tmp_path / "only").mkdir()
    touch(tmp_path / "only", "a.txt", "b.png")
    with pytest.raises(FileNotFoundError, match=r"which holds none; passed over 2 files: 1 with no .*, 1 in no folder"):
        image_folder(tmp_path / "only", 4)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["train/a/0.png", "test/a/0.png", "test/b/0.png"],
            r"same classes in test/ as in train/ \(got 'b' in test/ alone",
        ),
        (
            ["train/a/0.png", "val/c/0.png", "test/a/0.png"],
            r"same classes in val/ as in train/ \(got 'c' in val/ alone",
        ),
        (["train/a/0.png", "val/a/0.png", "valid/a/0.png"], r"one folder for val \(got 'val' and 'valid'\)"),
        (["val/a/0.png", "test/a/0.png"], r"images in train/<class>/ \(got images in test, val\)"),
    ],
)
def test_parts_that_do_not_fit_together(tmp_path, names, message):
    touch(tmp_path, *names)
    with pytest.raises(ValueError, match=f"'root' must have .*{message}"):
        image_folder(tmp_path, 4, cache=tmp_path / ".cache")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train/0.png", "bus/0.png"], {"all": ["bus", "train"]}),  # classes, one of which is called as a part
        (["train/a/0.png", "bus/a/0.png"], {"all": ["bus", "train"]}),
        (["data/train/a/0.png", "data/test/a/0.png"], {"test": ["a"], "train": ["a"]}),
        (["data/a/0.png", "data/b/0.png"], {"all": ["a", "b"]}),
        (["a/0.png", "a/x/0.png"], {"all": ["a", "a"]}),
        (["Training/a/0.png", "Testing/a/0.png", "extra/0.png"], {"test": ["a"], "train": ["a"]}),
        (["train/0.png", "test/0.png"], {}),  # no folder of a class
        ([], {}),
    ],
)
def test_layouts(names, expected):
    files = find_images(map(PurePosixPath, names))
    assert {part: [label for _, label in found] for part, found in files.parts.items()} == expected


def test_a_class_without_an_image_in_a_part_is_said(tmp_path, capsys):
    touch(tmp_path, *(f"train/{c}/{i}.png" for c in "abc" for i in range(10)), "test/b/0.png")
    image_folder(tmp_path, 4, cache=tmp_path / ".cache")
    assert "1 test; no image in test of 'a', 'c'\n" in capsys.readouterr().out


def test_folders_behind_links_are_read(tmp_path):
    touch(tmp_path / "store", *(f"{c}/{i}.png" for c in "ab" for i in range(10)))
    root = tmp_path / "root"
    root.mkdir()
    for name, target in {"cat": "a", "dog": "b", "cow": "a"}.items():
        (root / name).symlink_to(tmp_path / "store" / target)
    (tmp_path / "store" / "a" / "up").symlink_to(root)  # in a circle
    files = find_images(path.relative_to(root) for path in walk_files(root))
    assert files.classes == ["cat", "cow", "dog"]
    assert len([name for name, label in files.parts["all"] if label == "cow" and len(name.parts) == 2]) == 10
    (root / "cat" / "gone.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"'root' must hold readable images \(got 'c(at|ow)/gone\.png'"):
        image_folder(root, 4)


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
    monkeypatch.setattr(sys.modules["gnnclr.vision.datasets.image_folder"], "_decode", None)
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
    assert data.extra.is_contiguous() and data.unlabeled.shape == (60, 3, 6, 6)


@pytest.mark.data
@pytest.mark.skipif("GNNCLR_DATA" not in os.environ, reason="needs GNNCLR_DATA, the folder that holds cifar10.zip")
def test_a_part_of_the_cifar10_files(tmp_path):
    """Every twentieth: decoding all of them takes as long as many other tests."""
    with zipfile.ZipFile(Path(os.environ["GNNCLR_DATA"], "cifar10.zip")) as whole:
        names = [name for name in whole.namelist() if name.endswith(".jpg")]
        assert len(names) == 60_000
        with zipfile.ZipFile(tmp_path / "cifar10.zip", "w") as part:
            for name in names:
                if int(PurePosixPath(name).stem) % 20 == 0:
                    part.writestr(name, whole.read(name))
    data = cifar10(tmp_path, cache=tmp_path / "cache")
    assert repr(data) == "Images(train=2250, val=250, test=500, shape=[3, 32, 32], classes=10)"
    assert data.classes[0] == "airplane" and data.classes[-1] == "truck"
    assert data.test.labels.bincount().tolist() == [50] * 10
    mean = data.train.images.float().mean(dim=(0, 2, 3)) / 255
    torch.testing.assert_close(mean, torch.tensor([0.4914, 0.4822, 0.4465]), atol=2e-2, rtol=0)


@pytest.mark.slow
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


@pytest.mark.parametrize("change", ["name", "shape", "dtype", "npy"])
def test_a_cache_of_another_array_is_made_anew(change, splits, tmp_path, capsys):
    cache = tmp_path / "cache"
    first = image_folder(splits, 32, cache=cache)
    path = next(cache.glob("*-train.npz"))
    array, name = np.load(path)["array"] * 0, path.stem
    others = {
        "name": lambda file: np.savez(file, array=array, name="others-32-train"),
        "shape": lambda file: np.savez(file, array=array[1:], name=name),
        "dtype": lambda file: np.savez(file, array=array.astype(np.float32), name=name),
        "npy": lambda file: np.save(file, array),
    }
    with path.open("wb") as file:
        others[change](file)
    assert torch.equal(image_folder(splits, 32, cache=cache).train.images, first.train.images)
    assert f"the cache '{path}' is damaged and made anew" in capsys.readouterr().err


def test_a_damaged_name_in_an_archive_is_no_file_to_pass_over(splits, tmp_path):
    archive = Path(shutil.make_archive(str(tmp_path / "images"), "zip", splits))
    data = bytearray(archive.read_bytes())
    place = data.rindex(b".png")  # in the table of contents
    data[place + 1] ^= 1
    archive.write_bytes(data)
    with pytest.raises(ValueError, match=r"must be complete \(got BadZipFile: File name in directory"):
        image_folder(archive, 32, cache=tmp_path / "cache")


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
