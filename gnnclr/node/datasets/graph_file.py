"""Reads a Data or HeteroData that torch.save wrote, without running code."""

import importlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch_geometric.typing
from torch import Tensor
from torch_geometric.data import Data, HeteroData
from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
from torch_geometric.data.storage import BaseStorage, EdgeStorage, GlobalStorage, NodeStorage

from gnnclr.node.datasets.multiplex import MultiplexData
from gnnclr.ops.read_files import check_archive, read_files

#: The classes that a file may name: those of graphs, and no code.
SAFE: list[Any] = [
    Data,
    DataEdgeAttr,
    DataTensorAttr,
    HeteroData,
    MultiplexData,
    BaseStorage,
    EdgeStorage,
    GlobalStorage,
    NodeStorage,
]
#: What to do about a file that names another class, by a part of the class's name.
HINTS = {
    "data.batch": "it holds a batch of graphs, and a method contrasts the nodes of one: save one of them, batch[i]",
    "torch_sparse": "it holds a SparseTensor: install torch-sparse, or save edge_index and edge_weight",
    "numpy": "it holds arrays of NumPy: save tensors, as of torch.from_numpy(array), and lists of texts",
}


def read_graph_file(path: Path) -> Any:
    """What a file holds that :func:`torch.save` wrote, whatever its name: a graph of PyG, or its ``to_dict()``.

    It is loaded with ``weights_only=True``, so that a file cannot run code, compared with its checksums, and entries of
    sparse matrices with their sizes.

    Args:
        path (Path): The file.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is damaged, or holds anything but tensors, numbers, texts and graphs.
    """
    if not path.is_file():
        kind = "it is a folder" if path.is_dir() else "it is missing"
        raise FileNotFoundError(f"'{path}' must be an existing file, of torch.save(data, FILE) ({kind})")
    try:
        return read_files(path, lambda: _load(path), "hold a Data or its to_dict(), saved by torch.save(data, FILE)")
    except ValueError as error:
        if isinstance(error.__cause__, _OtherClass):  # the file is whole
            raise ValueError(f"'{path}' must hold one graph in tensors: {error.__cause__}") from error
        raise


@contextmanager
def graph_of_file(path: Path) -> Iterator[Any]:
    """What :func:`read_graph_file` reads; a :class:`ValueError` about it, in the block, names the file.

    Args:
        path (Path): The file.
    """
    value = read_graph_file(path)
    try:
        yield value
    except ValueError as error:
        error.args = (f"{error}, in '{path.name}'",)  # as it is otherwise, for who looks where it is from
        raise


class _OtherClass(Exception):
    """A file names a class that is not loaded."""


def _load(path: Path) -> Any:
    if zipfile.is_zipfile(path):  # as torch saves since version 1.6
        check_archive(path)
    # PyG's own loader falls back to unpickling anything.
    with torch.serialization.safe_globals([*SAFE, *_sparse_classes()]):
        try:
            value = torch.load(path, weights_only=True, map_location="cpu")
        except Exception as error:
            named = next((line for line in str(error).splitlines() if "GLOBAL" in line), "")
            hint = next((hint for part, hint in HINTS.items() if part in named), None)
            if hint is None:
                raise
            raise _OtherClass(hint) from error
    _check_sparse(value)
    return value


def _sparse_classes() -> list[Any]:
    if not torch_geometric.typing.WITH_TORCH_SPARSE:
        return []
    torch_sparse = importlib.import_module("torch_sparse")
    return [torch_sparse.SparseStorage, torch_sparse.SparseTensor]


def _check_sparse(value: Any) -> None:
    """Broken indices of sparse tensors would be followed."""
    parts = value.to_dict().values() if isinstance(value, (Data, HeteroData)) else ()
    parts = value.values() if isinstance(value, dict) else parts
    for part in parts:
        if isinstance(part, dict):
            _check_sparse(part)
        elif isinstance(part, Tensor) and part.layout == torch.sparse_csr:
            entries = part.crow_indices(), part.col_indices(), part.values()
            torch.sparse_csr_tensor(*entries, size=part.shape, check_invariants=True)
