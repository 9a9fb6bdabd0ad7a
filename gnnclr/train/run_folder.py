"""The folder of a run, which one process at a time may write into."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gnnclr.configs import RecipeError

try:
    import fcntl
except ImportError:  # not on Windows: folders are made exclusively there, and not locked
    fcntl = None

LOCK = ".lock"
#: The files by which this process holds folders.
_held: set[int] = set()


@contextmanager
def claim_folder(folder: str | Path, new: bool = False) -> Iterator[Path]:
    """Makes a folder, unless it exists, and holds it for this process while the block runs.

    The lock is the operating system's (``flock``), which ends with the process, however that ends; processes that it
    has forked, such as those that read photos, do not hold it. Where there is none, as on some network drives, the
    folder is not locked. A folder that was made for the block and is empty after it is removed.

    Args:
        folder (str or Path): The folder.
        new (bool, optional): Refuse a folder that holds the checkpoint of a run. (default: ``False``)

    Raises:
        RecipeError: If another process holds the folder, or there is a run in it and ``new`` is set.
    """
    folder = Path(folder)
    made = _make(folder)
    try:
        with _locked(folder):
            last = folder / "checkpoints" / "last.ckpt"
            if new and last.exists():
                raise RecipeError(f"{folder} holds a run already; give another --out, or go on with --ckpt_path={last}")
            # Nobody else writes here now: what is half written was left by a process that was killed.
            for part in (path for place in (folder, last.parent) for path in place.glob("*.part")):
                if re.search(r"\.\d+-\d+\.part$", part.name):
                    part.unlink(missing_ok=True)
            yield folder
    finally:
        _remove_empty(made)


@contextmanager
def claim_number(parent: str | Path) -> Iterator[Path]:
    """Makes the folder ``1``, ``2``, ... of ``parent`` that follows the highest one, and holds it as
    :func:`claim_folder`. Two processes that ask at the same moment get two folders: who makes it has the number.

    Args:
        parent (str or Path): The folder of numbered folders.
    """
    parent = Path(parent)
    made = _make(parent)
    number = max((int(path.name) for path in parent.iterdir() if path.name.isdigit()), default=0) + 1
    while True:
        folder = parent / str(number)
        try:
            folder.mkdir(parents=True)
            break
        except FileExistsError:
            number += 1
    try:
        with claim_folder(folder) as held:
            yield held
    finally:
        _remove_empty([folder, *made])


def _make(folder: Path) -> list[Path]:
    """Makes a folder and returns the folders that were missing, from the inside out."""
    missing = []
    for path in (folder, *folder.parents):
        if path.exists():
            break
        missing.append(path)
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _remove_empty(folders: list[Path]) -> None:
    for path in folders:
        with suppress(OSError):  # not empty
            path.rmdir()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = None if fcntl is None else _lock(folder)
    if descriptor is None:
        yield
        return
    _held.add(descriptor)
    try:
        yield
    finally:
        if descriptor in _held:
            _held.remove(descriptor)
            with suppress(OSError):
                os.unlink(folder / LOCK)
            os.close(descriptor)


def _let_go() -> None:
    """Closes the files of the process that has forked this one, which alone holds its folders: a lock lives as long as
    one of them is open, and processes that read outlive one that was killed by seconds."""
    while _held:
        with suppress(OSError):
            os.close(_held.pop())


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_let_go)


def _lock(folder: Path) -> int | None:
    path = folder / LOCK
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            user = os.read(descriptor, 200).decode(errors="replace").strip()
            os.close(descriptor)
            raise RecipeError(
                f"{folder} is in use by another process{f' ({user})' if user else ''}; wait for it, or give another "
                f"folder"
            ) from None
        except OSError:  # a drive without locks
            os.close(descriptor)
            return None
        # Who held it before may have removed the file between the two calls.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                with suppress(OSError):  # a full disk, which takes the lock and not its text
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
                return descriptor
        os.close(descriptor)
