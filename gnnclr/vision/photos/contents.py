"""Tells photos by the contents of their files, which are read once."""

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from gnnclr.ops.atomic import atomic_write
from gnnclr.vision.photos.decode import BrokenPhoto
from gnnclr.vision.photos.progress import progress
from gnnclr.vision.photos.source import PhotoSource

#: Photos after which what was read is written down.
KEPT = 10_000
#: Bytes of a hash.
WIDTH = 32


def contents_key(source: PhotoSource, index: Sequence[int], known: Path, threads: int = 1) -> str | None:
    """A hash of the contents of photos in their order, wherever their files lie and whatever they are called.

    The hash of a file is kept for as long as its path, its size, and the times at which it was written and changed are
    the same. (A file may be written and given its old time; the system still knows when it was changed.)

    Args:
        source (PhotoSource): The photos.
        index (sequence of int): Their numbers.
        known (Path): The file of hashes that are kept, ``*.npy``: of all sources, 64 bytes a photo.
        threads (int, optional): The number of photos that are read at a time. (default: ``1``)

    Returns:
        str, optional: The hash, or ``None`` if the source does not say which files hold its photos.

    Raises:
        BrokenPhoto: If a photo cannot be read.
    """
    stamps = _stamps(source, index)
    if stamps is None:
        return None
    found = _read(known)
    missing = {stamp: i for i, stamp in zip(index, stamps) if stamp not in found}
    with (
        progress("reading photos to know them again" if missing else None, len(missing)) as advance,
        ThreadPoolExecutor(threads) as pool,
    ):
        for some in _parts(list(missing), KEPT):
            for stamp, content in zip(some, pool.map(partial(_content, source), map(missing.__getitem__, some))):
                found[stamp] = content
                advance(1)
            found = _read(known) | found  # another process may have added some
            _write(known, found)
    return hashlib.sha256(b"".join(found[stamp] for stamp in stamps)).hexdigest()


def _stamps(source: PhotoSource, index: Sequence[int]) -> list[bytes] | None:
    """A hash of what is known of each photo before it is read."""
    files: dict[Path, str] = {}
    stamps = []
    for i in index:
        place = source.place(i)
        if place is None:
            return None
        path, within = place
        if path not in files:
            files[path] = _stamp(path)
        stamps.append(hashlib.sha256(os.fsencode(f"{os.path.abspath(path)}\0{files[path]}\0{within}")).digest())
    return stamps


def _stamp(path: Path) -> str:
    try:
        stat = os.stat(path)
    except OSError:
        return "gone"  # never kept: it cannot be read either
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"


def _content(source: PhotoSource, index: int) -> bytes:
    try:
        found = source.read(index)
        return hashlib.sha256(found if isinstance(found, bytes) else Path(str(found)).read_bytes()).digest()
    except OSError as error:
        raise BrokenPhoto(source.names[index], f"got {type(error).__name__}: {error.strerror or error}") from error


def _parts(items: list[bytes], size: int) -> Iterator[list[bytes]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _read(path: Path) -> dict[bytes, bytes]:
    """What is kept: the hash of a photo's contents by that of its stamp."""
    if not path.exists():
        return {}
    try:
        pairs = np.load(path, allow_pickle=False)
        if pairs.dtype != np.uint8 or pairs.shape[1:] != (2, WIDTH):
            raise ValueError(f"it holds {pairs.dtype} of shape {list(pairs.shape)}")
    except (ValueError, EOFError) as error:
        print(f"gnnclr: the cache '{path}' is damaged and made anew ({error})", file=sys.stderr)
        path.unlink(missing_ok=True)
        return {}
    return {stamp.tobytes(): content.tobytes() for stamp, content in pairs}


def _write(path: Path, found: dict[bytes, bytes]) -> None:
    pairs = np.frombuffer(b"".join(part for pair in found.items() for part in pair), np.uint8).reshape(-1, 2, WIDTH)
    with atomic_write(path, "wb") as file:
        np.save(file, pairs, allow_pickle=False)
