"""Folders and archives of image files."""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np
import torch

from gnnclr.ops.check import describe
from gnnclr.ops.paths import expand_path
from gnnclr.ops.read_files import read_files
from gnnclr.vision.array_cache import cached_array
from gnnclr.vision.images import Images, Labelled

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".webp")


def image_folder(
    root: str | Path, size: int, cache: str | Path | None = None, test: float = 0.1, seed: int = 0
) -> Images:
    r"""Images of ``<class>/`` folders, decoded once and kept as arrays.

    A tenth of the training images, stratified, is held out for validation. Images whose shorter side is not
    :obj:`size` are resized to it, and their central square is taken.

    Args:
        root (str or Path): A folder, or a zip file, with images in ``train/<class>/`` and ``test/<class>/``, or in
            ``<class>/``; in the second case a share :obj:`test` of every class is held out.
        size (int): Height and width of the images in memory.
        cache (str or Path, optional): The folder where decoded images are kept. (default: ``gnnclr`` in the user's
            cache folder)
        test (float, optional): The share held out for the test where :obj:`root` does not say. (default: ``0.1``)
        seed (int, optional): The seed of the splits. (default: ``0``)

    Raises:
        FileNotFoundError: If :obj:`root` does not exist or holds no images in class folders.
        ValueError: If a file is not a readable image.
    """
    root = expand_path(root)
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(f"'size' must be a positive integer (got {describe(size)})")
    if not root.exists():
        raise FileNotFoundError(f"'root' must be a folder or a zip file of images (got '{root}', which does not exist)")
    stamps, read = _open(root)
    files = {"train": [], "test": [], "all": []}
    for name in sorted(stamps):
        if len(name.parts) == 3 and name.parts[0] in files:
            files[name.parts[0]].append(name)
        elif len(name.parts) == 2:
            files["all"].append(name)
    splits = ("train", "test") if files["train"] and files["test"] else ("all",)
    classes = sorted({name.parts[-2] for split in splits for name in files[split]})
    if not classes:
        folders = "train/<class>/ and test/<class>/, or <class>/"
        raise FileNotFoundError(f"'root' must hold images in {folders} (got '{root}', which holds none)")

    key = json.dumps([str(root.resolve()), size, sorted((str(name), stamp) for name, stamp in stamps.items())])
    folder = expand_path(cache) if cache is not None else cache_folder()
    stem = f"{root.stem}-{size}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    labelled = {}
    for split in splits:
        images = _cached(folder / f"{stem}-{split}.npz", files[split], read, size)
        labels = torch.tensor([classes.index(name.parts[-2]) for name in files[split]])
        labelled[split] = Labelled(images, labels)
    if "all" in labelled:
        held = Images.hold_out(labelled["all"], labelled["all"], classes, val=test, seed=seed)
        labelled = {"train": held.train, "test": held.val}
    return Images.hold_out(labelled["train"], labelled["test"], classes, seed=seed)


def cache_folder() -> Path:
    """The folder for decoded data: ``$GNNCLR_CACHE``, or ``gnnclr`` in the user's cache folder."""
    if folder := os.environ.get("GNNCLR_CACHE"):
        return expand_path(folder)
    default = os.environ.get("LOCALAPPDATA") if os.name == "nt" else os.environ.get("XDG_CACHE_HOME")
    return expand_path(default or "~/.cache") / "gnnclr"


def _open(root: Path) -> tuple[dict[PurePosixPath, list[int]], Callable[[PurePosixPath], bytes]]:
    """The image files below ``root``, each with what changes when it does, and a function that reads one."""
    if root.is_dir():
        paths = {PurePosixPath(path.relative_to(root).as_posix()): path for path in root.rglob("*")}
        paths = {name: path for name, path in paths.items() if name.suffix.lower() in EXTENSIONS}
        stats = {name: path.stat() for name, path in paths.items()}
        return {n: [stat.st_size, stat.st_mtime_ns] for n, stat in stats.items()}, lambda n: paths[n].read_bytes()
    try:
        archive = zipfile.ZipFile(root)
    except zipfile.BadZipFile as error:
        raise ValueError(f"'root' must be a folder or a zip file of images (got '{root}': {error})") from error
    infos = {PurePosixPath(info.filename): info for info in archive.infolist()}
    infos = {name: info for name, info in infos.items() if name.suffix.lower() in EXTENSIONS}

    def read(name: PurePosixPath) -> bytes:
        return read_files(f"{root}/{name}", lambda: archive.read(infos[name]), remedy=f"get '{root}' again")

    return {name: [info.file_size, info.CRC] for name, info in infos.items()}, read


def _cached(path: Path, files: list[PurePosixPath], read: Callable[[PurePosixPath], bytes], size: int) -> torch.Tensor:
    def make() -> np.ndarray:
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            return np.stack(list(pool.map(lambda name: _decode(name, read(name), size), files)))

    return torch.from_numpy(cached_array(path, make))


def _decode(name: PurePosixPath, data: bytes, size: int) -> np.ndarray:
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data)) as image:
            image = image.convert("RGB")
    except OSError as error:
        raise ValueError(f"'root' must hold readable images (got '{name}': {error})") from error
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)
    return np.asarray(image).transpose(2, 0, 1)
