"""What lies where in a shard."""

import json
import tarfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

from gnnclr.ops.paths import printable
from gnnclr.vision.datasets.image_files import image_extensions

#: The first bytes of compressed files.
COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
BLOCK = 512
#: The extensions of members that hold a label; the first one that a photo has counts.
LABELS = ("cls", "json")
#: What the reader of Python raises for damaged headers.
DAMAGED = (tarfile.TarError, ValueError, OverflowError, IndexError)
#: The fields of a label in JSON.
FIELDS = ("label", "cls")


class BrokenShard(ValueError):
    """A file that is no tar file, or is cut, or holds what cannot be told apart."""


class Photo(NamedTuple):
    """A photo in a shard: the name of its member, where its contents begin, how long they are, and its label as a text,
    empty where it has none."""

    name: str
    offset: int
    size: int
    label: str


@dataclass
class ShardMembers:
    """The photos of a shard, in the order of its members, and the number of what was passed over, by why."""

    photos: list[Photo] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)


@dataclass
class _Sample:
    """The members of a key."""

    photo: tarfile.TarInfo | None = None
    extension: str = ""
    labels: dict[str, str] = field(default_factory=dict)


def read_members(shard: Path, advance: Callable[[int], object] = lambda count: None) -> ShardMembers:
    """Finds the photos of a tar file in the layout of webdataset: members whose names are the same up to the first dot
    of the last part are one sample, of which one is an image, and ``.cls`` or ``.json`` may have its label.

    Args:
        shard (Path): The file.
        advance (callable, optional): Is given the bytes that were passed, for a bar.

    Raises:
        BrokenShard: If the file is compressed, no tar file, or cut; if a key has two images, or a label is none.
    """
    found, samples, passed = ShardMembers(), {}, 0
    with shard.open("rb") as file:
        _check_begin(shard, file)
        last = "its first member"
        with _open(shard, file) as archive:
            while (member := _next(shard, archive, last)) is not None:
                archive.members.clear()  # pyright: ignore[reportAttributeAccessIssue]  # or all would be kept
                member.name = printable(member.name.removeprefix("./"))
                last = f"'{member.name}'"
                if member.isfile() and not member.name.rpartition("/")[2].startswith("."):
                    _add(shard, archive, member, samples, found.passed_over)
                elif not member.isfile() and not member.isdir():
                    found.passed_over["links or devices"] += 1
                advance(archive.offset - passed)
                passed = archive.offset
            _check_end(shard, file, archive.offset, last)
    advance(shard.stat().st_size - passed)
    for sample in samples.values():
        if sample.photo is None:
            found.passed_over["keys without an image"] += 1
        else:
            label = next((sample.labels[name] for name in LABELS if sample.labels.get(name)), "")
            found.photos.append(Photo(sample.photo.name, sample.photo.offset_data, sample.photo.size, label))
    return found


def _broken(shard: Path, reason: str) -> BrokenShard:
    return BrokenShard(f"'root' must hold sound shards (got '{shard}', which {reason})")


def _open(shard: Path, file: IO[bytes]) -> tarfile.TarFile:
    try:
        return tarfile.open(fileobj=file, mode="r:")
    except DAMAGED as error:
        raise _broken(shard, f"is damaged at its first member: {error}") from error


def _next(shard: Path, archive: tarfile.TarFile, last: str) -> tarfile.TarInfo | None:
    try:
        return archive.next()
    except DAMAGED as error:
        raise _broken(shard, f"is cut or damaged within or after {last}: {error}") from error


def _check_begin(shard: Path, file: IO[bytes]) -> None:
    begin = file.read(BLOCK)
    file.seek(0)
    for magic, name in COMPRESSED.items():
        if begin.startswith(magic):
            raise _broken(shard, f"is compressed by {name}: photos are read at random, so unpack it to a .tar")
    if len(begin) < BLOCK:
        raise _broken(shard, "is empty, without even the end of an archive" if not begin else "is no tar file")
    if begin.strip(b"\0"):
        try:
            tarfile.TarInfo.frombuf(begin, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise _broken(shard, f"is no tar file: {error}") from error


def _check_end(shard: Path, file: IO[bytes], offset: int, last: str) -> None:
    """The reader of Python takes any block that is no header for the end: it must be one of zeros, as must the rest."""
    file.seek(offset)
    block = file.read(BLOCK)
    if len(block) < BLOCK:
        raise _broken(shard, f"is cut after {last}: it has no end of an archive")
    if block.strip(b"\0"):
        raise _broken(shard, f"is damaged after {last}: no header of a member follows")
    while block := file.read(1 << 20):
        if block.strip(b"\0"):
            raise _broken(shard, f"goes on after the end of its archive, after {last}, as joined files do")


def _add(
    shard: Path, archive: tarfile.TarFile, member: tarfile.TarInfo, samples: dict[str, _Sample], passed: Counter[str]
) -> None:
    """Puts a member to the others of its key."""
    folder, slash, base = member.name.rpartition("/")
    stem, _, extension = base.partition(".")
    key, extension = f"{folder}{slash}{stem}", extension.lower()
    sample = samples.setdefault(key, _Sample())
    if f".{extension.rpartition('.')[2]}" in image_extensions():
        if member.issparse():
            raise _broken(shard, f"has holes in '{member.name}'; make it without --sparse")
        if sample.photo is not None and ("." in sample.extension) == ("." in extension):
            raise _broken(shard, f"has two images of the key '{key}': '{sample.photo.name}' and '{member.name}'")
        if sample.photo is None or "." not in extension:  # 1.jpg is the photo, and not 1.mask.png
            sample.photo, sample.extension = member, extension
    elif extension in LABELS:
        if extension in sample.labels:
            raise _broken(shard, f"has two members '{member.name}'")
        content = archive.extractfile(member)
        sample.labels[extension] = _label(shard, member.name, extension, b"" if content is None else content.read())


def _label(shard: Path, name: str, extension: str, content: bytes) -> str:
    """The label in a member, as a text; empty if there is none."""
    try:
        text = content.decode().strip()
        value = json.loads(text) if extension == "json" else text
    except ValueError as error:
        raise _broken(shard, f"has a label '{name}' that cannot be read: {error}") from error
    if extension == "json" and isinstance(value, dict):
        value = next((value[key] for key in FIELDS if value.get(key) is not None), None)
    elif extension == "json" and isinstance(value, list):
        value = None
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise _broken(shard, f"has a label '{name}' that is neither a whole number nor a name: {value!r:.40}")
    return str(value).strip()
