"""What the transforms of a run's data are fitted to, in its folder."""

from pathlib import Path

import torch
from torch import Tensor

from gnnclr.ops.atomic import atomic_write
from gnnclr.ops.read_files import check_archive, read_files

#: The name of the file.
FITTED = "fitted.pt"


def save_fitted(folder: Path, fitted: list[dict[str, Tensor]]) -> None:
    """Writes what transforms are fitted to, and removes an old file where there are none.

    Args:
        folder (Path): The folder of the run.
        fitted (list): For each fitted transform what it learned, by name.
    """
    path = folder / FITTED
    if not fitted:
        path.unlink(missing_ok=True)
        return
    with atomic_write(path, "wb") as file:
        torch.save(fitted, file)


def read_fitted(folder: Path) -> list[dict[str, Tensor]]:
    """What :func:`save_fitted` wrote; an empty list where there is no file.

    Args:
        folder (Path): The folder of the run.

    Raises:
        ValueError: If the file is damaged.
    """
    path = folder / FITTED
    if not path.is_file():
        return []

    def read() -> list[dict[str, Tensor]]:
        check_archive(path)
        return torch.load(path, weights_only=True, map_location="cpu")

    return read_files(path, read, "be undamaged", remedy="train anew")
