"""Reading files that may be broken."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def read_files(path: Path, read: Callable[[], T], expected: str = "be complete", downloads: bool = False) -> T:
    """What a function reads.

    Args:
        path (Path): The file or folder, for the message.
        read (callable): The function.
        expected (str, optional): What the path must do or be, for the message. (default: ``"be complete"``)
        downloads (bool, optional): Whether it downloads files that are missing. (default: ``False``)

    Raises:
        FileNotFoundError: If a download failed.
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
        raise ValueError(f"'{path}' must {expected} (got {type(error).__name__}: {reason})") from error
