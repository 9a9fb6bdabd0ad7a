"""Sorts the files of a folder of photos into parts and classes, which are both optional."""

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from gnnclr.vision.datasets.image_files import (
    PARTS,
    describe_passed_over,
    image_extensions,
    part_of_folder,
    why_passed_over,
)


@dataclass
class Layout:
    """The photos of a folder by part, and the files that were passed over.

    Args:
        names (list[str]): The photos, relative to the folder, in order of their folders and names.
        parts (list[str]): The part of each: ``"train"``, ``"val"``, ``"test"``, or ``"all"`` without such folders.
        labels (list[str]): The class of each; empty where it lies in no folder of a class.
        passed_over (Counter): The number of other files, by why they are none of the photos.
    """

    names: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)

    def describe_rest(self) -> str:
        """The files that were passed over, in words; empty if there are none."""
        return describe_passed_over(self.passed_over)


def sort_photos(names: Iterable[str]) -> Layout:
    """Finds the photos among the files of a folder, and what their folders say of them.

    - Folders ``train/``, ``val/`` and ``test/`` (or ``training``, ``valid``, ``validation``, ``testing``) at the top
      are parts, if no other photos are beside them, or ``train/`` and another part are there.
    - The topmost folder of a photo, below that of its part, is its class. A photo in no folder has none.
    - Where all photos are below one folder at the top, that one is the top.

    Args:
        names (iterable): The names of all files, relative to the folder, with ``/`` between folders.
    """
    layout, extensions = Layout(), image_extensions()
    for name in names:
        if (reason := why_passed_over(PurePosixPath(name), extensions)) is None:
            layout.names.append(name)
        else:
            layout.passed_over[reason] += 1
    layout.names.sort(key=_by_folder)
    top = _common_top(layout.names)
    tops, loose = set(), False
    for name in layout.names:
        folder, slash, _ = name[len(top) :].partition("/")
        tops, loose = tops | {folder} if slash and folder not in tops else tops, loose or not slash
    by_part, kept = _has_parts(tops, loose), []
    for name in layout.names:
        where = name[len(top) :].split("/")
        part = part_of_folder(where[0]) if by_part and len(where) > 1 else None
        if by_part and part is None:
            layout.passed_over["in no folder of a part"] += 1
            continue
        below = where[1:] if by_part else where
        kept.append(name)
        layout.parts.append(part or "all")
        layout.labels.append(sys.intern(below[0]) if len(below) > 1 else "")
    layout.names = kept
    return layout


def _by_folder(name: str) -> str:
    """What sorts names by their folders first, as paths are: ``a/b`` is before ``a-b``."""
    return name.replace("/", "\0")


def _common_top(names: list[str]) -> str:
    """The folders, with a slash at the end, that all photos are below, up to one that is a part. Names are sorted."""
    top = ""
    while names:
        folder, slash, _ = names[0][len(top) :].partition("/")
        inside = f"{top}{folder}{slash}"
        if not slash or part_of_folder(folder) is not None or not all(name.startswith(inside) for name in names):
            break
        top = inside
    return top


def _has_parts(tops: set[str], loose: bool) -> bool:
    """Whether folders at the top are parts, and not classes that are called so."""
    found = {part_of_folder(top) for top in tops}
    return bool(tops) and ((None not in found and not loose) or ("train" in found and len(found & set(PARTS)) > 1))
