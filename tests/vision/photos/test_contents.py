import hashlib
import os
import shutil
import tarfile
import zipfile

import numpy as np
import pytest
from photo_files import photo_folder
from PIL import Image

from gnnclr.vision import MappedPhotos, PhotoFolder, PhotoShards
from gnnclr.vision.photos import contents as module
from gnnclr.vision.photos.contents import contents_key
from gnnclr.vision.photos.decode import BrokenPhoto

INDEX = [4, 0, 2, 3]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GNNCLR_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def read(monkeypatch):
    """The numbers of the photos whose contents are read."""
    numbers, content = [], module._content
    monkeypatch.setattr(module, "_content", lambda source, i: numbers.append(i) or content(source, i))
    return numbers


def pack(root, kind):
    """The photos of a folder as they are, in a zip file or in a shard."""
    files, path = sorted(root.iterdir()), root.with_suffix(f".{kind}")
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in files:
                archive.write(file, file.name)
    elif kind == "tar":
        with tarfile.open(path, "w") as archive:
            for file in files:
                archive.add(file, file.name)
    return root if kind == "folder" else path


def open_kind(path, kind):
    return PhotoShards(path) if kind == "tar" else PhotoFolder(path)


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
@pytest.mark.parametrize("threads", [1, 3])
def test_contents_are_read_once(tmp_path, read, kind, threads, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 3)
    photo_folder(tmp_path / "photos", 5)
    source, known = open_kind(pack(tmp_path / "photos", kind), kind), tmp_path / "known" / "contents.npy"
    key = contents_key(source, INDEX, known, threads)
    files = [(tmp_path / "photos" / name).read_bytes() for name in sorted(os.listdir(tmp_path / "photos"))]
    assert key == hashlib.sha256(b"".join(hashlib.sha256(files[i]).digest() for i in INDEX)).hexdigest()
    assert sorted(read) == sorted(INDEX) and np.load(known).shape == (4, 2, 32)
    assert contents_key(source, INDEX, known) == key and contents_key(source, INDEX[::-1], known) != key
    assert len(read) == 4
    contents_key(source, range(5), known)
    assert read[4:] == [1]  # what is known stays known


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_a_copy_has_the_same_contents_and_a_changed_photo_has_not(tmp_path, kind):
    photo_folder(tmp_path / "photos", 5)
    path, known = pack(tmp_path / "photos", kind), tmp_path / "contents.npy"
    key = contents_key(open_kind(path, kind), INDEX, known)
    copy = tmp_path / "elsewhere" / path.name
    copy.parent.mkdir()
    (shutil.copytree if path.is_dir() else shutil.copyfile)(path, copy)
    for file in [copy, *copy.glob("*")]:
        os.utime(file, ns=(1, 1))
    assert contents_key(open_kind(copy, kind), INDEX, known) == key
    # One bit of a photo, at the same size and time; those of a zip file are stored as they are.
    photo = sorted((tmp_path / "photos").iterdir())[0]
    file, before = (photo, photo.stat()) if kind == "folder" else (path, path.stat())
    content, part = bytearray(file.read_bytes()), photo.read_bytes()
    content[content.find(part) + len(part) // 2] ^= 1
    if kind == "zip":  # whose checksum was changed with it
        photo.write_bytes(content[content.find(part[:20]) :][: len(part)])
        pack(tmp_path / "photos", kind)
    else:
        file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert contents_key(open_kind(path, kind), INDEX, known) != key
    assert contents_key(open_kind(path, kind), INDEX[2:], known) == contents_key(
        open_kind(copy, kind), INDEX[2:], tmp_path / "new.npy"
    )


def test_a_stopped_one_keeps_what_it_read(tmp_path, monkeypatch):
    photo_folder(tmp_path / "photos", 5)
    source, known, content = PhotoFolder(tmp_path / "photos"), tmp_path / "contents.npy", module._content
    monkeypatch.setattr(module, "KEPT", 2)

    def stop(source, i):
        if i == 3:
            raise KeyboardInterrupt
        return content(source, i)

    monkeypatch.setattr(module, "_content", stop)
    with pytest.raises(KeyboardInterrupt):
        contents_key(source, range(5), known)
    assert len(np.load(known)) == 2


def test_a_damaged_file_is_made_anew(tmp_path, read, capsys):
    photo_folder(tmp_path / "photos", 5)
    source, known = PhotoFolder(tmp_path / "photos"), tmp_path / "contents.npy"
    key = contents_key(source, INDEX, known)
    damages = [lambda: known.write_bytes(known.read_bytes()[:-9]), lambda: known.write_bytes(b"")]
    damages.append(lambda: np.save(known, np.zeros((4, 3))))
    for turn, damage in enumerate(damages, start=2):
        damage()
        assert contents_key(source, INDEX, known) == key and len(read) == 4 * turn
        assert capsys.readouterr().err.count(f"the cache '{known}' is damaged and made anew") == 1


def test_what_cannot_be_read(tmp_path):
    photo_folder(tmp_path / "photos", 5)
    source, known = PhotoFolder(tmp_path / "photos"), tmp_path / "contents.npy"
    (tmp_path / "photos" / source.names[2]).unlink()
    with pytest.raises(BrokenPhoto, match=rf"'{source.names[2]}' must be a readable image \(got FileNotFoundError: No"):
        contents_key(source, INDEX, known)
    image = Image.new("RGB", (9, 9))
    assert contents_key(MappedPhotos([(image,)]), [0], known) is None  # it does not say where photos come from
    assert contents_key(source, [], known) == hashlib.sha256().hexdigest()
