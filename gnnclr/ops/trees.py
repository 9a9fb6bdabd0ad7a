"""Maps, lists and counts the tensors in nested tuples, lists and dictionaries."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from gnnclr.ops.check import describe


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """A tuple, list or dictionary with each entry replaced, also of those inside; anything else is an entry.

    Args:
        function (callable): Maps an entry to another.
        tree: The entries.
    """
    if isinstance(tree, Mapping):
        return {key: map_leaves(function, value) for key, value in tree.items()}
    if isinstance(tree, (tuple, list)):
        kind = list if isinstance(tree, list) else tuple
        return kind(map_leaves(function, value) for value in tree)
    return function(tree)


def leaves(tree: Any) -> list[Any]:
    """The entries of a tuple, list or dictionary, and of those inside.

    Args:
        tree: The entries.
    """
    found: list[Any] = []
    map_leaves(found.append, tree)
    return found


def row_count(name: str, tree: Any) -> int:
    """The number of rows of tensors that all have as many.

    Args:
        name (str): Name of the argument, for the message.
        tree (Tensor, tuple or dict): A tensor, or tuples and dictionaries of them.

    Raises:
        ValueError: If there is no tensor, anything else is among them, or their numbers of rows differ.
    """
    tensors = leaves(tree)
    for x in tensors or [tree]:
        if not isinstance(x, Tensor) or x.dim() == 0:
            raise ValueError(f"'{name}' must be tensors with rows, or tuples and dicts of them (got {describe(x)})")
    lengths = [len(x) for x in tensors]
    if len(set(lengths)) > 1:
        raise ValueError(f"'{name}' must have the same number of rows each (got {', '.join(map(str, lengths))})")
    return lengths[0]


def split_rows(tree: Any, size: int, rows: int) -> list[Any]:
    """The same tree for each chunk of rows; the last chunk may have fewer.

    Args:
        tree (Tensor, tuple or dict): Tensors with rows.
        size (int): Rows of a chunk.
        rows (int): Rows of all.
    """
    starts = range(0, max(rows, 1), size)
    return [map_leaves(lambda x, start=start: x[start : start + size], tree) for start in starts]
