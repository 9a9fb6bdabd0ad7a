"""Files that are complete or absent, never in between."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from gnnclr.ops.paths import naming_file


@contextmanager
def atomic_write(path: str | Path, mode: str = "w", newline: str | None = None) -> Iterator[IO[Any]]:
    """Opens a file beside ``path``, which is flushed to disk and renamed to it when the block ends.

    At any time ``path`` holds either all of its old contents or all of the new ones, whichever process is killed, and
    whichever writes it at the same time. A block that raises leaves ``path`` as it was. Missing folders are made. A
    link stays a link, and a path that is no file, such as ``/dev/stdout``, is written to directly.

    Args:
        path (str or Path): The file to write.
        mode (str, optional): ``"w"`` for UTF-8 text, ``"wb"`` for bytes. (default: ``"w"``)
        newline (str, optional): As in :func:`open`. (default: ``None``)
    """
    path = Path(os.path.realpath(path))
    encoding = None if "b" in mode else "utf-8"
    with naming_file(path):
        yield from _write(path, mode, encoding, newline)


def _write(path: Path, mode: str, encoding: str | None, newline: str | None) -> Iterator[IO[Any]]:
    if path.exists() and not path.is_file():
        with path.open(mode, encoding=encoding, newline=newline) as file:
            yield file
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own for each writer: two that write the same file do not write into each other's.
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with part.open(mode, encoding=encoding, newline=newline) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def write_text(path: str | Path, text: str) -> None:
    """Writes a text file by :func:`atomic_write`.

    Args:
        path (str or Path): The file to write.
        text (str): Its contents.
    """
    with atomic_write(path) as file:
        file.write(text)
