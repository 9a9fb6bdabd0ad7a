"""Small images of class folders as arrays in memory; gnnclr.vision.photos reads photos from where they are."""

import hashlib
import io
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np
import torch

from gnnclr.ops.check import check_count
from gnnclr.ops.notice import notice
from gnnclr.ops.paths import expand_path
from gnnclr.ops.read_files import read_files
from gnnclr.vision.datasets.archive import open_archive
from gnnclr.vision.datasets.array_cache import cached_array
from gnnclr.vision.datasets.eight_bit_rgb import eight_bit_rgb
from gnnclr.vision.datasets.image_files import ImageFiles, find_images, image_extensions
from gnnclr.vision.datasets.images import Images, Labeled
from gnnclr.vision.datasets.walk import walk_files

#: Counts up when images are decoded or kept in another way, so that none is taken from an older cache.
DECODING = 3


def image_folder(
    root: str | Path, size: int, cache: str | Path | None = None, test: float = 0.1, seed: int = 0
) -> Images:
    r"""Images of ``<class>/`` folders, decoded once and kept as arrays.

    Images are all files that Pillow can read (``.jpg``, ``.png``, ``.tif``, ``.webp``, ``.bmp``, ``.gif``, ``.jp2``,
    ``.ppm`` and others), however deep below the folder of their class; of several frames the first. They become
    red, green and blue of eight bits, as
    :func:`~gnnclr.vision.datasets.eight_bit_rgb.eight_bit_rgb` says: larger values are
    scaled, and transparent pixels are white. Images whose shorter side is not :obj:`size` are resized to it, and their
    central square is taken. One printed line says how many classes and images were read, and which files were passed
    over: those with another extension, hidden ones, and images in no folder of a class.

    Args:
        root (str or Path): A folder, or a zip file, with images in ``train/<class>/``, ``val/<class>/`` (or ``valid``,
            ``validation``) and ``test/<class>/``, or in ``<class>/``. Without ``test/`` a share :obj:`test` of every
            class is held out for the test; without ``val/`` a tenth of the rest for validation, both stratified.
        size (int): Height and width of the images in memory.
        cache (str or Path, optional): The folder where decoded images are kept. (default: ``gnnclr`` in the user's
            cache folder)
        test (float, optional): The share held out for the test where :obj:`root` does not say. (default: ``0.1``)
        seed (int, optional): The seed of the splits. (default: ``0``)

    Raises:
        FileNotFoundError: If :obj:`root` does not exist or holds no images in class folders.
        ValueError: If a file is not a readable image, ``val/`` or ``test/`` has a class that ``train/`` lacks, or two
            folders stand for one part.
    """
    root = expand_path(root)
    check_count("size", size)
    if not root.exists():
        raise FileNotFoundError(f"'root' must be a folder or a zip file of images (got '{root}', which does not exist)")
    stamps, read, check = _open(root)
    files = find_images(stamps)
    check({name for part in files.parts.values() for name, _ in part})
    if not files.classes:
        folders = "train/<class>/ and test/<class>/, or <class>/"
        rest = files.describe_rest()
        raise FileNotFoundError(f"'root' must hold images in {folders} (got '{root}', which holds none{rest})")

    of_images = sorted((str(name), stamps[name]) for part in files.parts.values() for name, _ in part)
    key = json.dumps([str(root.resolve()), size, of_images, DECODING])
    folder = expand_path(cache) if cache is not None else cache_folder()
    stem = f"{root.stem}-{size}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    labeled = {}
    for part, found in files.parts.items():
        images = _cached(folder / f"{stem}-{part}.npz", [name for name, _ in found], read, size)
        labeled[part] = Labeled(images, torch.tensor([files.classes.index(label) for _, label in found]))
    data = _split(labeled, files.classes, test, seed)
    _say(root, files, data)
    return data


def _split(parts: dict[str, Labeled], classes: list[str], test: float, seed: int) -> Images:
    """Holds out the parts that have no folder of their own."""
    train, val = parts.get("train", parts.get("all")), parts.get("val")
    if "test" not in parts:
        held = Images.hold_out(train, train, classes, val=test, seed=seed)
        train, parts = held.train, {**parts, "test": held.val}
    if val is None:
        return Images.hold_out(train, parts["test"], classes, seed=seed)
    return Images(train, val, parts["test"], classes)


def _say(root: Path, files: ImageFiles, data: Images) -> None:
    def part(name: str) -> str:
        return f"{len(getattr(data, name).labels)} {name}" + ("" if name in files.parts else " (held out)")

    total, classes = sum(map(len, files.parts.values())), len(files.classes)
    sizes = f"{len(data.train.labels)} train, {part('val')}, {part('test')}"
    for name, found in files.parts.items():
        lacking = sorted(set(files.classes) - {label for _, label in found})
        sizes += f"; no image in {name} of {', '.join(map(repr, lacking))}" if lacking else ""
    count = f"{total} image{'s' * (total != 1)} of {classes} class{'es' * (classes != 1)}"
    notice(f"{count} in '{root}': {sizes}{files.describe_rest()}")


def cache_folder() -> Path:
    """The folder for decoded data: ``$GNNCLR_CACHE``, or ``gnnclr`` in the user's cache folder."""
    if folder := os.environ.get("GNNCLR_CACHE"):
        return expand_path(folder)
    default = os.environ.get("LOCALAPPDATA") if os.name == "nt" else os.environ.get("XDG_CACHE_HOME")
    return expand_path(default or "~/.cache") / "gnnclr"


def _open(
    root: Path,
) -> tuple[dict[PurePosixPath, list[int]], Callable[[PurePosixPath], bytes], Callable[[set[PurePosixPath]], None]]:
    """The files below ``root``, each with what changes when it does, a function that reads one, and one that looks at
    those that are not read."""
    if root.is_dir():
        paths = {PurePosixPath(path.relative_to(root).as_posix()): path for path in walk_files(root)}
        stamps = {name: _stamp(name, path) for name, path in paths.items()}
        return stamps, lambda name: paths[name].read_bytes(), lambda images: None
    archive = open_archive(root)
    infos = {PurePosixPath(info.filename): info for info in archive.infolist() if not info.is_dir()}

    def read(name: PurePosixPath) -> bytes:
        return read_files(f"{root}/{name}", lambda: archive.read(infos[name]), remedy=f"get '{root}' again")

    def check(images: set[PurePosixPath]) -> None:
        # A name that is damaged in the table of contents is that of no image, perhaps: files have it as well.
        for info in archive.infolist():
            if PurePosixPath(info.filename) not in images:
                path = f"{root}/{info.filename}"
                read_files(path, lambda info=info: archive.open(info).close(), remedy=f"get '{root}' again")

    return {name: [info.file_size, info.CRC] for name, info in infos.items()}, read, check


def _stamp(name: PurePosixPath, path: Path) -> list[int]:
    try:
        stat = path.stat()
    except OSError as error:  # a link to nowhere
        if name.suffix.lower() not in image_extensions():
            return []
        raise ValueError(f"'root' must hold readable images (got '{name}': {error})") from error
    return [stat.st_size, stat.st_mtime_ns]


def _cached(path: Path, files: list[PurePosixPath], read: Callable[[PurePosixPath], bytes], size: int) -> torch.Tensor:
    def make() -> np.ndarray:
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            return np.stack(list(pool.map(lambda name: _decode(name, read(name), size), files)))

    return torch.from_numpy(cached_array(path, make, (len(files), 3, size, size)))


def _decode(name: PurePosixPath, data: bytes, size: int) -> np.ndarray:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            image = eight_bit_rgb(image)
    except MemoryError:
        raise
    except UnidentifiedImageError:
        kind = "nothing" if not data else "no image"
        raise ValueError(f"'root' must hold readable images (got '{name}', which holds {kind})") from None
    except Exception as error:  # Pillow's readers raise errors of many types for broken files
        raise ValueError(f"'root' must hold readable images (got '{name}': {error})") from error
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(image).transpose(2, 0, 1)
