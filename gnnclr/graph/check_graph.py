"""Checks that a transform is given a graph of a batch."""

from typing import Any

from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.ops.check import describe


def check_graph(data: Any, with_x: bool = False) -> ContrastGraph:
    """Returns ``data`` if it is a graph of a batch, and raises a :class:`ValueError` otherwise.

    Args:
        data: The value to check.
        with_x (bool, optional): Whether it must have embeddings. (default: ``False``)
    """
    if not isinstance(data, ContrastGraph) or "negatives" not in data or (with_x and data.x is None):
        parts = "'x'" if with_x else "nodes"
        raise ValueError(f"'data' must be a ContrastGraph with {parts} (got {describe(data)})")
    return data
