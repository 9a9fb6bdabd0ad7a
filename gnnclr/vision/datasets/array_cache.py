"""Arrays that are made once and kept in a file."""

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gnnclr.ops.atomic import atomic_write
from gnnclr.ops.paths import naming_file


def cached_array(
    path: Path, make: Callable[[], np.ndarray], shape: tuple[int, ...], dtype: str = "uint8"
) -> np.ndarray:
    """The array in a file, or a new one, which is kept in the file.

    The file is an archive with checksums, which are compared, and with the name that it was written under: a damaged
    one, or that of another array, is made anew, with a line that says so.

    Args:
        path (Path): The file, ``*.npz``.
        make (callable): Makes the array.
        shape (tuple[int, ...]): Its shape.
        dtype (str, optional): Its type. (default: ``"uint8"``)

    Raises:
        OSError: If the file cannot be read or written, such as on a full disk; the error names it.
    """
    if path.exists():
        try:
            with naming_file(path), zipfile.ZipFile(path), np.load(path, allow_pickle=False) as file:
                return _own(file["array"], file["name"], path, shape, dtype)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # readers raise errors of many types for broken files
            print(f"gnnclr: the cache '{path}' is damaged and made anew ({error})", file=sys.stderr)
    array = make()
    with atomic_write(path, "wb") as file:
        np.savez(file, array=array, name=path.stem)
    return array


def _own(array: np.ndarray, name: np.ndarray, path: Path, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    if str(name) != path.stem or array.shape != shape or array.dtype != dtype:
        raise ValueError(f"it holds '{name}', {array.dtype} of shape {list(array.shape)}")
    return array
