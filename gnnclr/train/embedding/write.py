"""Embeddings as a file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gnnclr.ops.atomic import atomic_write
from gnnclr.ops.optional_package import optional_package

#: The rows of a split, which are the column ``part`` of a table.
PARTS = ("train", "val", "test")


def write_arrays(arrays: Mapping[str, np.ndarray], path: str | Path) -> Path:
    """Writes embeddings and what is known of their rows, whole or not at all.

    - ``*.parquet``: a table with a row for each embedding: ``name``, ``y``, ``part`` and the list ``z``, as far as they
      are known; it needs the package pyarrow.
    - Any other name: an archive for :func:`numpy.load`, without pickled objects.

    Args:
        arrays (mapping): The arrays of :func:`embed_run`.
        path (str or Path): The file.

    Raises:
        ImportError: If pyarrow is missing.
    """
    path = Path(path)
    if path.suffix.lower() != ".parquet":
        with atomic_write(path, "wb") as file:
            np.savez(file, **arrays)
        return path
    pyarrow = optional_package("pyarrow", "pyarrow", f"'{path.name}'")
    parquet = optional_package("pyarrow.parquet", "pyarrow", f"'{path.name}'")
    z = np.ascontiguousarray(arrays["z"])
    columns = {name: pyarrow.array(arrays[name]) for name in ("name", "y") if name in arrays}
    if any(part in arrays for part in PARTS):
        of_row = np.full(len(z), "", dtype="<U5")
        for part in PARTS:
            of_row[arrays[part]] = part
        columns["part"] = pyarrow.array(of_row)
    columns["z"] = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(z.ravel()), z.shape[1])
    with atomic_write(path, "wb") as file:
        parquet.write_table(pyarrow.table(columns), file)
    return path
