"""A large array that is made once, row by row, and kept in a file that is mapped into memory."""

import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from gnnclr.ops.atomic import write_text
from gnnclr.ops.paths import naming_file


class MappedArray:
    """An array ``uint8`` in a file, of which only what is read is in memory.

    While it is made it has another name, and a file beside it counts the rows that are there: whoever is stopped goes
    on with the first missing one. Several processes may make the same array at the same time, as they write the same
    rows. A file of another shape is made anew, with a line that says so.

    Args:
        path (Path): The file, ``*.npy``.
        shape (tuple[int, ...]): The shape of the array.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self.path: Path = path
        self.shape: tuple[int, ...] = shape
        self._part: Path = path.with_suffix(".part.npy")
        self._count: Path = path.with_suffix(".rows")

    @property
    def rows(self) -> int:
        """How many rows are there."""
        if self._opened(self.path, "r") is not None:
            return self.shape[0]
        if self._opened(self._part, "r") is None:
            return 0
        with suppress(OSError, ValueError):
            return min(int(self._count.read_text(encoding="utf-8")), self.shape[0])
        return 0

    def make(self, rows: Callable[[int], Iterator[np.ndarray]]) -> None:
        """Makes what is missing.

        Args:
            rows (callable): Given the number of the first missing row gives it and all after it, in pieces.

        Raises:
            OSError: If a file cannot be written, such as on a full disk; the error names it.
        """
        done = self.rows
        if done == self.shape[0] and self.path.exists():
            return
        with naming_file(self._part):
            if self._opened(self._part, "r") is None:
                self._begin()
            start = np.load(self._part, mmap_mode="r").offset
            size = math.prod(self.shape[1:])
            with self._part.open("r+b") as file:  # a full disk is an error here, and kills where a map is written to
                for piece in rows(done):
                    file.seek(start + done * size)
                    file.write(np.ascontiguousarray(piece, dtype=np.uint8).data)
                    file.flush()
                    os.fsync(file.fileno())
                    done += len(piece)
                    write_text(self._count, str(done))
            with suppress(FileNotFoundError):  # another process has just done it
                self._part.replace(self.path)
        self._count.unlink(missing_ok=True)

    def open(self) -> np.ndarray:
        """The array, mapped; changes to it stay in memory.

        Raises:
            FileNotFoundError: If it is not there or not whole.
        """
        array = self._opened(self.path, "c")
        if array is None:
            raise FileNotFoundError(
                f"'{self.path}' must be made before it is read ({self.rows} of {self.shape[0]} rows)"
            )
        return array

    def _begin(self) -> None:
        """Makes an empty file, which appears in its full size at once."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        own = self._part.with_suffix(f".{os.getpid()}.npy")
        self._count.unlink(missing_ok=True)
        np.lib.format.open_memmap(own, mode="w+", dtype=np.uint8, shape=self.shape).flush()
        with suppress(FileExistsError):  # another process was faster: both write into its file
            os.link(own, self._part)
        own.unlink()

    def _opened(self, path: Path, mode: str) -> np.ndarray | None:
        if not path.exists():
            return None
        try:
            array = np.load(path, mmap_mode=mode, allow_pickle=False)  # pyright: ignore[reportArgumentType]
            if array.shape == self.shape and array.dtype == np.uint8:
                return array
            found = f"it holds {array.dtype} of shape {list(array.shape)}"
        except (ValueError, EOFError) as error:
            found = str(error)
        with suppress(FileNotFoundError):
            path.unlink()
        print(f"gnnclr: the cache '{path}' is damaged and made anew ({found})", file=sys.stderr)
        return None
