"""Which files the shards are that a path stands for."""

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

from gnnclr.ops.paths import expand_path
from gnnclr.vision.datasets.image_files import image_extensions, part_of_folder

#: The ends of names of tar files, compressed ones as well: those are found, to be refused by name.
ENDS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")
#: A range of numbers, or a list, between braces that hold no others.
BRACES = re.compile(r"\{(?:(\d+)\.\.(\d+)|([^{}]*,[^{}]*))\}")


def is_shards(root: str | Path) -> bool:
    """Whether a path stands for shards: it is a tar file, or a pattern of such with braces, or a folder with tar files
    at its top, or in its folders of parts, and no image beside them.

    Args:
        root (str or Path): The path.
    """
    path = expand_path(root)
    if not path.is_dir():
        return _is_tar(str(path)) and (path.exists() or BRACES.search(str(path)) is not None)
    found = False
    for entry in _entries(path):
        if entry.suffix.lower() in image_extensions():
            return False
        found |= _is_tar(entry.name)
    return found


def find_shards(root: str | Path) -> list[Path]:
    """The shards that a path stands for, in order of their names.

    Args:
        root (str or Path): A tar file, a folder of them, or a pattern such as ``photos-{000..012}.tar`` and
            ``{a,b}/{0..9}.tar``; ``~`` and ``$NAME`` are replaced.

    Raises:
        FileNotFoundError: If there is none, or one of a pattern is missing.
    """
    path = expand_path(root)
    if path.is_dir():
        shards = sorted(entry for entry in _entries(path) if _is_tar(entry.name))
        if not shards:
            raise FileNotFoundError(f"'root' must hold shards, files that end in .tar (got '{root}', which holds none)")
        return shards
    shards = [path] if path.exists() else [Path(text) for text in dict.fromkeys(expand_braces(str(path)))]
    for shard in shards:
        if not shard.is_file():
            missing = "which does not exist" if shard == path else f"of which '{shard}' does not exist"
            raise FileNotFoundError(f"'root' must be shards (got '{root}', {missing})")
    return shards


def expand_braces(text: str) -> Iterator[str]:
    """The texts that a pattern with braces stands for, as of a shell: ``a{08..10}`` is ``a08``, ``a09`` and ``a10``,
    and ``{x,y}`` is ``x`` and ``y``.

    Args:
        text (str): The pattern.
    """
    if (found := BRACES.search(text)) is None:
        yield text
        return
    first, last, words = found.groups()
    if words is None:
        start, stop, width = int(first), int(last), len(first) if first.startswith("0") else 0
        numbers = range(start, stop + 1) if start <= stop else range(start, stop - 1, -1)
        choices = (f"{number:0{width}d}" for number in numbers)
    else:
        choices = iter(words.split(","))
    for choice in choices:
        yield from expand_braces(text[: found.start()] + choice + text[found.end() :])


def parts_of_shards(shards: list[Path], root: str | Path) -> list[str]:
    """The part of each shard: that of its folder below the root, or of a word of its name, as ``train`` of
    ``photos-train-000.tar``; ``"all"`` of all shards where one of them says none.

    Args:
        shards (list): The shards.
        root (str or Path): What they were found by.
    """
    folder = expand_path(root)
    parts = []
    for shard in shards:
        within = shard.relative_to(folder) if folder.is_dir() else Path(shard.name)
        words = itertools.chain(within.parts[:-1], re.split(r"[^A-Za-z]+", within.name))
        parts.append(next((part for part in map(part_of_folder, words) if part is not None), None))
    return ["all"] * len(shards) if None in parts else parts


def _entries(folder: Path) -> Iterator[Path]:
    """The files of a folder and of its folders of parts."""
    for entry in os.scandir(folder):
        if not entry.name.startswith("."):
            if entry.is_file():
                yield Path(entry.path)
            elif part_of_folder(entry.name) is not None and entry.is_dir():
                yield from (Path(one.path) for one in os.scandir(entry.path) if one.is_file())


def _is_tar(name: str) -> bool:
    return name.lower().endswith(ENDS)
