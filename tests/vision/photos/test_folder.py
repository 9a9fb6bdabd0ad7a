import os
import pickle
import sys
import zipfile

import numpy as np
import pytest
import torch
from photo_files import photo_folder, save

from gnnclr.vision.photos.folder import PhotoFolder
from gnnclr.vision.photos.layout import sort_photos
from gnnclr.vision.photos.reader import read_photo, read_squares, usual_workers
from gnnclr.vision.photos.square import CentralSquare


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["0.png", "1.jpg"], ["all:", "all:"]),
        (["a/0.png", "b/1.jpg", "2.png"], ["all:", "all:a", "all:b"]),  # one in no class
        (["a/x/0.png", "b/1.jpg"], ["all:a", "all:b"]),
        (["2021/05/0.png", "2021/05/x/1.png"], ["all:", "all:x"]),  # one folder at the top is no class
        (["train/0.png", "test/0.png"], ["test:", "train:"]),
        (["train/a/0.png", "train/0.png"], ["train:", "train:a"]),
        (["val/0.png"], ["val:"]),
        (["data/Train/a/0.png", "data/valid/b/0.png"], ["train:a", "val:b"]),
        (["train/0.png", "bus/0.png"], ["all:bus", "all:train"]),  # classes, one of which is called as a part
        (["test/0.png", "0.png"], ["all:", "all:test"]),
        (["all/b.png", "all/a/0.png", "all/a-b/0.png"], ["all:a", "all:a-b", "all:"]),  # by folders, then by names
        (["train/a/0.png", "test/a/0.png", "extra/0.png"], ["test:a", "train:a"]),
        ([], []),
    ],
)
def test_layouts(names, expected):
    layout = sort_photos(names)
    assert [f"{part}:{label}" for part, label in zip(layout.parts, layout.labels)] == expected


def test_a_folder_of_any_depth(tmp_path):
    names = photo_folder(tmp_path / "store", 12, ("", "a", "b/c"))
    (tmp_path / "store" / "notes.txt").write_text("x")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "linked").symlink_to(tmp_path / "store")
    (tmp_path / "store" / "up").symlink_to(tmp_path / "root")  # in a circle
    folder, linked = PhotoFolder(tmp_path / "store"), PhotoFolder(tmp_path / "root")
    assert set(names) <= set(folder.names) and set(linked.names) >= {f"linked/{name}" for name in names}
    assert "passed over" in folder.describe() and "1 with no extension of an image (.txt)" in folder.describe()
    for i in range(len(folder)):
        assert read_photo(folder, i).shape[0] == 3


def test_folders_are_classes_or_not(tmp_path):
    photo_folder(tmp_path, 9, ("a", "b", "c"), kinds=False)
    folder = PhotoFolder(tmp_path)
    assert folder.classes == ["a", "b", "c"] and folder.labels.bincount().tolist() == [3, 3, 3]
    assert repr(folder) == "PhotoFolder(9, classes=3)"
    assert PhotoFolder(tmp_path, classes=False).labels.tolist() == [-1] * 9
    own = PhotoFolder(tmp_path, labels=torch.arange(9) % 2)
    assert own.labels.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0] and own.classes == ["0", "1"]
    assert PhotoFolder(tmp_path, labels=[-1, *range(8)]).classes == list("01234567")
    for labels, message in {
        torch.arange(8): r"must be an integer tensor of shape \[9\]",
        torch.rand(9): "must hold whole numbers",
        torch.arange(9) - 2: "must hold classes 0, 1, 2",
    }.items():
        with pytest.raises(ValueError, match=f"'labels' {message}"):
            PhotoFolder(tmp_path, labels=labels)


def test_what_is_no_folder_of_photos(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'root' must be a folder or a zip file of photos .* does not exist"):
        PhotoFolder(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="which holds none; it is empty"):
        PhotoFolder(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(FileNotFoundError, match=r"passed over 1 file: 1 with no extension of an image \(\.txt\)"):
        PhotoFolder(tmp_path)
    with pytest.raises(ValueError, match="'root' must be a folder or a zip file of photos"):
        PhotoFolder(tmp_path / "a.txt")


def test_an_archive_is_read_as_its_folder(tmp_path):
    photo_folder(tmp_path / "photos", 10)
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as file:
        for path in sorted((tmp_path / "photos").iterdir()):
            file.write(path, path.name)
    folder, archive = PhotoFolder(tmp_path / "photos"), pickle.loads(pickle.dumps(PhotoFolder(tmp_path / "photos.zip")))
    assert folder.names == archive.names
    for workers in (0, 1):
        for a, b in zip(
            read_squares(folder, CentralSquare(8), batch_size=4),
            read_squares(archive, CentralSquare(8), workers=workers, batch_size=4),
        ):
            assert torch.equal(a.images, b.images) and torch.equal(a.index, b.index)


def test_damaged_parts_of_an_archive_are_broken_photos(tmp_path):
    path = tmp_path / "photos.zip"
    photo_folder(tmp_path, 4, kinds=False)
    with zipfile.ZipFile(path, "w") as file:
        for photo in sorted(tmp_path.glob("*.[jp]*g")):
            file.write(photo, photo.name)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as file:
        infos = file.infolist()
    content[infos[1].header_offset + 100] ^= 255  # within the pixels
    for header in (content.find(b"PK\x03\x04") + 6, content.find(b"PK\x01\x02") + 8):
        content[header] |= 1  # the first is said to be encrypted
    path.write_bytes(content)
    (read,) = read_squares(PhotoFolder(path), CentralSquare(8))
    assert [(i, why.split(":")[0]) for i, why in read.broken] == [(0, "got RuntimeError"), (1, "got BadZipFile")]
    assert read.index.tolist() == [2, 3]


def test_key_changes_with_the_photos(tmp_path, monkeypatch):
    photo_folder(tmp_path, 3)
    before = PhotoFolder(tmp_path).key()
    assert PhotoFolder(tmp_path).key() == before
    save(tmp_path / "000-color.jpg", 20, 20, seed=9)
    changed = PhotoFolder(tmp_path).key()
    assert changed != before
    monkeypatch.setattr("os.access", lambda path, mode: False)  # its permission was taken
    assert PhotoFolder(tmp_path).key() not in (before, changed)


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux alone")
def test_names_that_are_no_text(tmp_path):
    save(tmp_path / "b" / "1.jpg", 20, 20)
    (tmp_path / "b").rename(os.fsdecode(bytes(tmp_path) + b"/\xfc"))
    save(tmp_path / "ä" / "2.jpg", 20, 20)
    (tmp_path / os.fsdecode(b"1.\xe9")).touch()
    folder = PhotoFolder(tmp_path)
    assert folder.describe().endswith(r"passed over 1 file: 1 with no extension of an image (.\xe9)")
    assert folder.names == ["ä/2.jpg", r"\xfc/1.jpg"] and folder.classes == [r"\xfc", "ä"]
    assert folder.key() and all(read_photo(folder, i).shape == (3, 20, 20) for i in range(2))


def test_broken_photos_are_set_apart(tmp_path):
    photo_folder(tmp_path, 5, kinds=False)
    (tmp_path / "001-x.jpg").write_bytes(b"no image")
    (tmp_path / "999.jpg").symlink_to(tmp_path / "nowhere")
    folder = PhotoFolder(tmp_path)
    (read,) = read_squares(folder, CentralSquare(8))
    assert read.images.shape == (5, 3, 8, 8)
    assert {folder.names[i]: why.split(" (")[0] for i, why in read.broken} == {
        "001-x.jpg": "got a file that is no image",
        "999.jpg": "got FileNotFoundError: No such file or directory",
    }
    assert sorted([*read.index.tolist(), *(i for i, _ in read.broken)]) == list(range(7))
    some = list(read_squares(folder, CentralSquare(8), torch.tensor([4, 0]), batch_size=1))
    assert [one.index.tolist() for one in some] == [[4], [0]]
    assert np.array_equal(some[1].images[0].numpy(), read.images[0].numpy())


def test_workers():
    assert 1 <= usual_workers() <= 8 and usual_workers(10_000) == 1
