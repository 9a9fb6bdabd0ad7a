"""Sorts the files of a folder of photos into parts and classes, which are both optional."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from gnnclr.vision.datasets.image_files import PARTS, describe_passed_over, images_among, part_of_folder


@dataclass
class Layout:
    """The photos of a folder by part, and the files that were passed over.

    Args:
        names (list[PurePosixPath]): The photos, relative to the folder, in order.
        parts (list[str]): The part of each: ``"train"``, ``"val"``, ``"test"``, or ``"all"`` without such folders.
        labels (list[str]): The class of each; empty where it lies in no folder of a class.
        passed_over (Counter): The number of other files, by why they are none of the photos.
    """

    names: list[PurePosixPath] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)

    def describe_rest(self) -> str:
        """The files that were passed over, in words; empty if there are none."""
        return describe_passed_over(self.passed_over)


def sort_photos(names: Iterable[PurePosixPath]) -> Layout:
    """Finds the photos among the files of a folder, and what their folders say of them.

    - Folders ``train/``, ``val/`` and ``test/`` (or ``training``, ``valid``, ``validation``, ``testing``) at the top
      are parts, if no other photos are beside them, or ``train/`` and another part are there.
    - The topmost folder of a photo, below that of its part, is its class. A photo in no folder has none.
    - Where all photos are below one folder at the top, that one is the top.

    Args:
        names (iterable): The names of all files, relative to the folder.
    """
    found, passed_over = images_among(names)
    layout, photos = Layout(passed_over=passed_over), [(name, name.parts) for name in found]
    while photos and len(tops := {where[0] for _, where in photos}) == 1 and len(min(w for _, w in photos)) > 1:
        if part_of_folder(next(iter(tops))) is not None:
            break
        photos = [(name, where[1:]) for name, where in photos]
    by_part = _has_parts({where[0] for _, where in photos if len(where) > 1}, any(len(w) == 1 for _, w in photos))
    for name, where in photos:
        part = part_of_folder(where[0]) if by_part and len(where) > 1 else None
        if by_part and part is None:
            layout.passed_over["in no folder of a part"] += 1
            continue
        below = where[1:] if by_part else where
        layout.names.append(name)
        layout.parts.append(part or "all")
        layout.labels.append(below[0] if len(below) > 1 else "")
    return layout


def _has_parts(tops: set[str], loose: bool) -> bool:
    """Whether folders at the top are parts, and not classes that are called so."""
    found = {part_of_folder(top) for top in tops}
    return bool(tops) and ((None not in found and not loose) or ("train" in found and len(found & set(PARTS)) > 1))
