"""Arrays that are made once and kept in a file."""

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gnnclr.ops.atomic import atomic_write
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
    with atomic_write(path, "wb") as file:
        np.savez(file, array=array)
    return array
