"""Sorts the files of a folder into classes of images."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

#: Names of the folder of a part, in small or capital letters.
PARTS: dict[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
#: Formats that Pillow knows and does not read, or only with other programs.
UNREADABLE = ("BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "WMF")


@dataclass
class ImageFiles:
    """The images of a folder by part, and the files that were passed over.

    Args:
        parts (dict): Part to its images, each a name and a class: ``"train"`` with ``"val"``, ``"test"`` or both, or
            ``"all"`` where folders of classes are not below folders of parts.
        classes (list[str]): The names of the classes, in order.
        passed_over (Counter): The number of other files, by why they are none of the images.
    """

    parts: dict[str, list[tuple[PurePosixPath, str]]]
    classes: list[str]
    passed_over: Counter[str]

    def describe_rest(self) -> str:
        """The files that were passed over, in words; empty if there are none."""
        return describe_passed_over(self.passed_over)


def describe_passed_over(passed_over: Counter[str]) -> str:
    """Files that are none of the images, in words; empty if there are none.

    Args:
        passed_over (Counter): Their number, by why they are none.
    """
    if not passed_over:
        return ""
    total, most = sum(passed_over.values()), passed_over.most_common(8)
    why = ", ".join(f"{count} {reason}" for reason, count in most)
    if others := total - sum(count for _, count in most):
        why += f", {others} others"
    return f"; passed over {total} {'file' if total == 1 else 'files'}: {why}"


def image_extensions() -> frozenset[str]:
    """The extensions of the images that Pillow reads, in small letters."""
    from PIL import Image

    Image.preinit()  # or rare formats that have no mark would be tried on every JPEG before its own
    known = Image.registered_extensions().items()
    return frozenset(end for end, kind in known if kind in Image.OPEN and kind not in UNREADABLE)


def images_among(names: Iterable[PurePosixPath]) -> tuple[list[PurePosixPath], Counter[str]]:
    """The files that are images by their extension, in order, and the number of the others, by why they are none.

    Args:
        names (iterable): The names of all files, relative to their folder.
    """
    extensions, passed_over, images = image_extensions(), Counter(), []
    for name in sorted(names):
        if (reason := why_passed_over(name, extensions)) is None:
            images.append(name)
        else:
            passed_over[reason] += 1
    return images, passed_over


def why_passed_over(name: PurePosixPath, extensions: frozenset[str]) -> str | None:
    """Why a file is no image by its name; ``None`` if it is one.

    Args:
        name (PurePosixPath): The name, relative to the folder of all.
        extensions (frozenset): Those of :func:`image_extensions`.
    """
    if any(part.startswith(".") or part == "__MACOSX" for part in name.parts):
        return "hidden"
    end = name.suffix.lower()
    return None if end in extensions else f"with no extension of an image ({end or 'none'})"


def find_images(names: Iterable[PurePosixPath]) -> ImageFiles:
    """Sorts the files of a folder into parts and classes.

    A class is a folder, and images below it, however deep, are its images. Folders of classes are below ``train/`` and
    ``val/``, ``test/`` or both; or they are at the top. Where all images are below one folder at the top, that one is
    the top.

    Args:
        names (iterable): The names of all files, relative to the folder.

    Raises:
        ValueError: If two folders stand for one part, there is a part but no ``train/``, or a class is in a part but
            not in ``train/``.
    """
    found, passed_over = images_among(names)
    images = [(name, name.parts) for name in found]
    while len({where[0] for _, where in images}) == 1 and all(len(where) > 2 for _, where in images):
        if part_of_folder(images[0][1][0]) is not None:
            break
        images = [(name, where[1:]) for name, where in images]
    parts = _by_part(images, passed_over)
    known = {label for _, label in parts.get("train") or parts.get("all", [])}
    for part, files in parts.items():
        if unknown := sorted({label for _, label in files} - known):
            which = ", ".join(map(repr, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
            raise ValueError(
                f"'root' must have the same classes in {part}/ as in train/ (got {which} in {part}/ alone)"
            )
    return ImageFiles(parts, sorted(known), passed_over)


def part_of_folder(folder: str) -> str | None:
    """The part that a folder stands for by its name; ``None`` if for none.

    Args:
        folder (str): The name.
    """
    return next((part for part, names in PARTS.items() if folder.lower() in names), None)


def _by_part(
    images: list[tuple[PurePosixPath, tuple[str, ...]]], passed_over: Counter[str]
) -> dict[str, list[tuple[PurePosixPath, str]]]:
    """The images of each part and their classes, or all of them where there are no parts."""
    tops = {where[0] for _, where in images if len(where) > 1}
    named = {part: sorted(top for top in tops if part_of_folder(top) == part) for part in PARTS}
    # A class may be called "train": its folder stands beside those of other classes, or holds images itself.
    deep = all(len(where) > 2 for _, where in images if where[0] in named["train"])
    by_part = tops and (all(map(part_of_folder, tops)) or (deep and named["train"] and (named["val"] or named["test"])))
    found: dict[str, list[tuple[PurePosixPath, str]]] = {}
    for name, where in images:
        part = part_of_folder(where[0]) if by_part else "all"
        if len(where) < (3 if by_part and part else 2):
            passed_over["in no folder of a class"] += 1
        elif part is None:
            passed_over[f"in {where[0]}/, which is no part"] += 1
        else:
            found.setdefault(part, []).append((name, where[1 if by_part else 0]))
    if not by_part or not found:
        return found
    for part, folders in named.items():
        if len(folders) > 1:
            raise ValueError(f"'root' must have one folder for {part} (got {' and '.join(map(repr, folders))})")
    if "train" not in found:
        raise ValueError(f"'root' must have images in train/<class>/ (got images in {', '.join(sorted(tops))})")
    return found
