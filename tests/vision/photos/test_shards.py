import io
import os
import pickle
import tarfile

import numpy as np
import pytest
import torch
from photo_files import photo_folder, picture, save
from PIL import Image

from gnnclr.vision import CentralSquare, PhotoCrops, PhotoFolder, PhotoShards, RandomResizedCrop
from gnnclr.vision.photos.loader import PhotoLoader
from gnnclr.vision.photos.open_photos import open_photos
from gnnclr.vision.photos.reader import PhotoReader, read_photo, read_squares
from gnnclr.vision.photos.shard_files import expand_braces, find_shards, is_shards, parts_of_shards
from gnnclr.vision.photos.shard_members import BrokenShard


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GNNCLR_CACHE", str(tmp_path / "cache"))


def jpeg(seed=0, extension="jpeg"):
    file = io.BytesIO()
    Image.fromarray(picture(24, 30, seed)).save(file, extension)
    return file.getvalue()


def write_shard(path, members, **options):
    """Writes a tar file with members of names and contents."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, options.pop("mode", "w"), **options) as archive:
        for name, content in members:
            content = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def shards_of(folder, root, count=3):
    """Spreads the photos of a folder over shards, in order, as `tar` does."""
    names = PhotoFolder(folder).names
    for i, some in enumerate(np.array_split(np.array(names), count)):
        write_shard(root / f"photos-{i:03d}.tar", [(name, (folder / name).read_bytes()) for name in some])
    return names


def test_shards_are_read_as_the_folder_of_their_photos(tmp_path):
    photo_folder(tmp_path / "photos", 20)  # of ten kinds, with extensions of six
    names = shards_of(tmp_path / "photos", tmp_path / "shards")
    folder, shards = open_photos(tmp_path / "photos"), open_photos(tmp_path / "shards")
    assert isinstance(folder, PhotoFolder) and isinstance(shards, PhotoShards)
    assert [name.split("/")[1] for name in shards.names] == names and shards.names[0] == "photos-000.tar/000-color.jpg"
    assert shards.describe() == f"20 photos in 3 shards of '{tmp_path / 'shards'}'"
    assert shards.labels.tolist() == [-1] * 20 and shards.classes == [] and set(shards.parts) == {"all"}
    assert all(shards.read(i) == folder.read(i).read_bytes() for i in range(20))
    crops = PhotoCrops(RandomResizedCrop(8), 2, seed=1)
    one = PhotoLoader(PhotoReader(folder, crops), torch.arange(20), batch_size=5, seed=3)
    other = PhotoLoader(PhotoReader(pickle.loads(pickle.dumps(shards)), crops), torch.arange(20), batch_size=5, seed=3)
    other.workers = 2
    for a, b in zip([*one, *one], [*other, *other], strict=True):
        assert torch.equal(a["index"], b["index"]) and torch.equal(a["image"], b["image"])
    other.close()


def test_a_table_is_kept_until_a_shard_changes(tmp_path, monkeypatch, capsys):
    path = write_shard(tmp_path / "a.tar", [("1.jpg", jpeg(1)), ("1.cls", "2"), ("2.jpg", jpeg(2)), ("3.txt", "x")])
    first = PhotoShards(path)
    with monkeypatch.context() as patch:
        patch.setattr("gnnclr.vision.photos.shard_table.read_members", None)
        again = PhotoShards(path)
    assert again.key() == first.key() and list(again.names) == list(first.names) == ["a.tar/1.jpg", "a.tar/2.jpg"]
    assert torch.equal(again.labels, first.labels) and again.describe() == first.describe()
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_bytes(kept.read_bytes()[:90])
    assert list(PhotoShards(path).names) == list(first.names) and "is damaged and made anew" in capsys.readouterr().err
    os.utime(path, ns=(1, 1))
    assert PhotoShards(path).key() != first.key() and len(list((tmp_path / "cache").iterdir())) == 2
    first._places[1, 2] += 10**6
    with pytest.raises(ValueError, match=r"'a\.tar/2\.jpg' must be a readable image \(got \d+ of its \d+ bytes\)"):
        read_photo(first, 1)


def test_labels(tmp_path):
    members = [("a/1.jpg", jpeg()), ("a/1.cls", " 3\n"), ("a/2.PNG", jpeg(extension="png")), ("a/2.json", '{"cls": 0}')]
    members += [("a/1.json", '{"label": 1}'), ("a/3.jpg", jpeg()), ("a/3.json", '{"url": "x"}'), ("4.webp", jpeg(4))]
    numbers = PhotoShards(write_shard(tmp_path / "numbers.tar", members))
    assert numbers.labels.tolist() == [3, 0, -1, -1] and numbers.classes == ["0", "1", "2", "3"]
    assert PhotoShards(numbers.root, classes=False).labels.tolist() == [-1] * 4
    assert PhotoShards(numbers.root, labels=torch.arange(4) % 2).labels.tolist() == [0, 1, 0, 1]
    names = [("1.jpg", jpeg()), ("1.cls", "dog"), ("2.jpg", jpeg()), ("2.json", '"cat"'), ("3.jpg", jpeg())]
    named = PhotoShards(write_shard(tmp_path / "names.tar", [*names, ("3.cls", "")]))
    assert named.labels.tolist() == [1, 0, -1] and named.classes == ["cat", "dog"]
    for extension, content, message in (
        ("cls", b"\xff\xfe", r"'5\.cls' that cannot be read"),
        ("json", '{"label": 0.5}', r"'5\.json' that is neither a whole number nor a name: 0\.5"),
        ("json", "{", "that cannot be read"),
        ("json", '{"label": true}', "neither a whole number nor a name: True"),
        ("cls", "7", r"must have labels that are all numbers or all names \(got 7, 'dog'\)"),
    ):
        path = write_shard(tmp_path / "wrong.tar", [*names, ("5.jpg", jpeg()), (f"5.{extension}", content)])
        with pytest.raises(ValueError, match=message):
            PhotoShards(path)


def test_what_is_passed_over(tmp_path):
    members = [("./1.jpg", jpeg()), ("1.mask.png", jpeg()), ("2.txt", "x"), ("3.json", "{}"), (".hidden.jpg", "x")]
    path = write_shard(tmp_path / "0.tar", [*members, ("4.low.jpg", jpeg())])
    with tarfile.open(path, "a") as archive:
        link = tarfile.TarInfo("5.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "1.jpg"
        archive.addfile(link)
    write_shard(tmp_path / "1.tar", [])
    shards = PhotoShards(tmp_path)
    assert list(shards.names) == ["0.tar/1.jpg", "0.tar/4.low.jpg"]
    wanted = {"2 keys without an image", "1 links or devices", "1 shards without a photo"}
    assert set(shards.describe().split("passed over ")[1].split(", ")) == wanted
    with pytest.raises(FileNotFoundError, match=r"'root' must hold photos \(got .*1 shards without a photo\)"):
        PhotoShards(tmp_path / "1.tar")
    long = "x" * 300 + "/ä.jpg"
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        shards = PhotoShards(write_shard(tmp_path / "long.tar", [(long, jpeg(3))], format=kind))
        assert shards.names[0] == f"long.tar/{long}" and shards.names[-1:] == [f"long.tar/{long}"]
        assert shards.read(0) == jpeg(3)


def test_broken_shards_are_refused_in_a_line(tmp_path):
    sound = write_shard(tmp_path / "0.tar", [(f"{i}.jpg", jpeg(i)) for i in range(4)]).read_bytes()
    path, place = tmp_path / "1.tar", PhotoShards(tmp_path / "0.tar")._places
    begin = int(place[2, 1]) - 512  # of the third member
    for content, message in (
        (sound[: begin + 700], r"1\.tar', which is cut or damaged within or after '2\.jpg'"),
        (sound[: begin + 100], r"which is cut .* '1\.jpg'"),
        (sound[:begin], r"which is cut after '1\.jpg': it has no end"),
        (sound[:begin] + b"x" * 512 + sound[begin + 512 :], r"which is damaged after '1\.jpg': no header of a member"),
        (sound + sound, r"goes on after the end of its archive, after '3\.jpg'"),
        (b"", "which is empty, without even the end of an archive"),
        (b"x" * 100, "which is no tar file"),
        (b"x" * 1000, "which is no tar file: "),
        (b"x" * 512 + sound, "which is no tar file: "),
    ):
        path.write_bytes(content)
        with pytest.raises(BrokenShard, match=message) as error:
            PhotoShards(tmp_path)
        assert "\n" not in str(error.value) and "'root' must hold sound shards (got '" in str(error.value)
    for names in (("1.jpg", "1.jpg"), ("1.jpg", "1.png"), ("1.a.jpg", "1.b.jpg")):
        write_shard(path, [(name, jpeg()) for name in names])
        with pytest.raises(BrokenShard, match=f"has two images of the key '1': '{names[0]}' and '{names[1]}'"):
            PhotoShards(path)
    with pytest.raises(BrokenShard, match=r"has two members '1\.cls'"):
        PhotoShards(write_shard(path, [("1.cls", "1"), ("1.cls", "1")]))


@pytest.mark.parametrize(("end", "name"), [("gz", "gzip"), ("bz2", "bzip2"), ("xz", "xz")])
def test_compressed_shards_are_refused_by_name(end, name, tmp_path):
    for file in (f"0.tar.{end}", "1.tar"):  # also where the name does not tell
        path = write_shard(tmp_path / end / file, [("1.jpg", jpeg())], mode=f"w:{end}")
        with pytest.raises(BrokenShard, match=f"{file}', which is compressed by {name}: .* unpack it to a .tar"):
            open_photos(path)
    with pytest.raises(BrokenShard, match=f"is compressed by {name}"):
        open_photos(tmp_path / end)


def test_a_broken_photo_in_a_sound_shard_is_set_apart(tmp_path):
    path = write_shard(tmp_path / "0.tar", [("1.jpg", jpeg()), ("2.jpg", "x"), ("3.jpg", jpeg()[:300]), ("4.jpg", "")])
    (read,) = read_squares(PhotoShards(path), CentralSquare(8))
    assert read.index.tolist() == [0] and [i for i, _ in read.broken] == [1, 2, 3]
    assert [why.split(":")[0] for _, why in read.broken][::2] == ["got a file that is no image", "got an empty file"]


def test_patterns_and_folders(tmp_path):
    assert list(expand_braces("a{08..10}.tar")) == ["a08.tar", "a09.tar", "a10.tar"]
    assert list(expand_braces("{x,y}/{9..10}")) == ["x/9", "x/10", "y/9", "y/10"]
    assert list(expand_braces("{2..1}{a}{}")) == ["2{a}{}", "1{a}{}"]
    for i in range(3):
        write_shard(tmp_path / "s" / f"{i:02d}.tar", [("1.jpg", jpeg(i))])
    assert len(PhotoShards(f"{tmp_path}/s/{{00..02}}.tar")) == len(PhotoShards(tmp_path / "s")) == 3
    assert list(open_photos(f"{tmp_path}/s/{{02,00}}.tar").names) == ["02.tar/1.jpg", "00.tar/1.jpg"]
    with pytest.raises(FileNotFoundError, match=r"must be shards \(got '.*\{00\.\.03\}.tar', of which '.*03.tar' does"):
        open_photos(f"{tmp_path}/s/{{00..03}}.tar")
    with pytest.raises(
        FileNotFoundError, match=r"'root' must be a folder.* of photos .*none.tar', which does not exist"
    ):
        open_photos(tmp_path / "none.tar")
    with pytest.raises(FileNotFoundError, match="which does not exist"):
        find_shards(tmp_path / "none.tar")
    with pytest.raises(FileNotFoundError, match="'root' must hold shards"):
        find_shards(tmp_path)
    save(tmp_path / "s" / "photo.png")
    assert not is_shards(tmp_path / "s") and not is_shards(tmp_path)  # photos, and a tar file beside them


def test_parts_are_folders_or_words_of_names(tmp_path):
    for name in ("train/0.tar", "train/1.tar", "test/0.tar"):
        write_shard(tmp_path / "folders" / name, [("1.jpg", jpeg())])
    shards = open_photos(tmp_path / "folders")
    assert shards.parts == ["test", "train", "train"]
    assert list(shards.names) == ["test/0.tar/1.jpg", "train/0.tar/1.jpg", "train/1.tar/1.jpg"]

    def parts(*names):
        return parts_of_shards([tmp_path / name for name in names], tmp_path)

    assert parts("in-train-0.tar", "in-validation-0.tar", "in_test.0.tar") == ["train", "val", "test"]
    assert parts("train-0.tar", "rest-0.tar") == ["all", "all"] and parts("training1.tar") == ["train"]
