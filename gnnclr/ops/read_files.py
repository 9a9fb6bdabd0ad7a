"""Reading files that may be broken."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
#: The remedy for a file that cannot be read.
REMEDY = "remove it and get it again"


def read_files(
    path: str | Path,
    read: Callable[[], T],
    expected: str = "be complete",
    downloads: bool = False,
    remedy: str = REMEDY,
) -> T:
    """Calls a function that reads files, and names a broken one.

    Args:
        path (str or Path): The file or folder, for the message.
        read (callable): The function.
        expected (str, optional): What the path must do or be, for the message. (default: ``"be complete"``)
        downloads (bool, optional): Whether it downloads files that are missing. (default: ``False``)
        remedy (str, optional): What to do about a broken file, for the message. (default: ``"remove it and get it
            again"``)

    Raises:
        FileNotFoundError: If a download failed.
        PermissionError: If a file may not be read.
        ValueError: If files are cut, broken or of another format.
    """
    try:
        return read()
    except Exception as error:
        if isinstance(error, PermissionError):
            raise
        if downloads and isinstance(error, OSError):
            raise FileNotFoundError(f"'{path}' must hold all files, and downloading failed: {error}") from error
        lines = str(error).splitlines() or [""]
        # torch begins with how to load what cannot be trusted, and says later what it found.
        reason = next((line.strip() for line in lines if "GLOBAL" in line), lines[0])[:200]
        raise ValueError(f"'{path}' must {expected} (got {type(error).__name__}: {reason}); {remedy}") from error


def check_archive(path: str | Path) -> None:
    """Raises a :class:`zipfile.BadZipFile` if a part of a zip file, as :func:`torch.save` and :func:`numpy.savez` write
    it, is not what was written: torch itself does not compare checksums.

    Args:
        path (str or Path): The file.
    """
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"the checksum of its part {damaged!r} is wrong")
