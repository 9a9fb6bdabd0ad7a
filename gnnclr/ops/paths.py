"""Paths as users write them, and errors of the system that say which file they are about."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def expand_path(path: str | Path) -> Path:
    """The path with ``~`` and ``$NAME`` replaced, as a shell does where it is not quoted or behind ``--option=``.

    Args:
        path (str or Path): A path; variables that are not set stay as they are.
    """
    return Path(os.path.expanduser(os.path.expandvars(path)))


def printable(path: str) -> str:
    """A path as text that can be printed: bytes that are no UTF-8, as in names of old systems, are like ``\\xff``.

    Args:
        path (str): The path, as Python reads it.
    """
    return os.fsencode(path).decode(errors="backslashreplace")


@contextmanager
def naming_file(path: str | Path) -> Iterator[None]:
    """Gives errors of the system in its block the name of the file, which a full disk or a broken drive leaves out.

    Args:
        path (str or Path): The file that is read or written.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        # torch.save reports a position that it did not expect, after what the system said.
        found = next((e for e in causes(error) if isinstance(e, OSError)), None)
        if found is None or found.filename is not None or (found.errno is None and str(path) in str(found)):
            raise
        raise OSError(found.errno or errno.EIO, found.strerror or str(found), str(path)) from error


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error, the error that it was raised from, and so on, the innermost last."""
    seen = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
