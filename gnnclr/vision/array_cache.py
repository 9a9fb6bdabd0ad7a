"""Arrays that are made once and kept in a file."""

import os
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from gnnclr.ops.paths import naming_file


def cached_array(path: Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    """The array in a file, or a new one, which is kept in the file.

    The file is an archive with a checksum, which is compared: a damaged one is made anew, with a line that says so.

    Args:
        path (Path): The file, ``*.npz``.
        make (callable): Makes the array.

    Raises:
        OSError: If the file cannot be read or written, such as on a full disk; the error names it.
    """
    if path.exists():
        try:
            with naming_file(path), np.load(path, allow_pickle=False) as file:
                return file["array"]
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            print(f"gnnclr: the cache '{path}' is damaged and made anew ({error})", file=sys.stderr)
    array = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Another process may write the same file: a rename is atomic, a write is not.
    partial = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with naming_file(path), open(partial, "wb") as file:
            np.savez(file, array=array)
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    return array
