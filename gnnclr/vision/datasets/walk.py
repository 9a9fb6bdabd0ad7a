"""All files below a folder, links followed."""

import os
from collections.abc import Iterator
from pathlib import Path


def walk_files(root: Path) -> Iterator[Path]:
    """All files below a folder, also those that links to other folders lead to, but none in a circle.

    Args:
        root (Path): The folder.

    Raises:
        OSError: If a folder cannot be read.
    """

    def stop(error: OSError) -> None:
        raise error

    above = {str(root): [os.path.realpath(root)]}  # the folders that lead to one
    for folder, folders, names in os.walk(root, onerror=stop, followlinks=True):
        yield from (Path(folder, name) for name in names)
        chain = above.pop(folder)
        real = {name: os.path.realpath(os.path.join(folder, name)) for name in folders}
        folders[:] = [name for name in folders if real[name] not in chain]
        above |= {os.path.join(folder, name): [*chain, real[name]] for name in folders}
