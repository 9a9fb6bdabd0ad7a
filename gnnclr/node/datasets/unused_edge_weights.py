"""Warnings about weights of edges that a method does not use."""

import warnings
from typing import Any

from torch import Tensor
from torch_geometric.data import Data

from gnnclr.ops.notice import is_rank_zero

#: How attributes begin that weigh or describe the edges of a graph, or of a relation.
ATTRIBUTES = ("edge_weight", "edge_attr")


class UnusedEdgeWeights:
    """Warns that a method does not use the weights of a graph, once for the method and all copies of it, in the process
    of rank zero."""

    def __init__(self) -> None:
        self.warned = False

    def warn(self, method: str, data: Any) -> None:
        """Warns if a graph has weights or attributes of edges.

        Args:
            method (str): The name of the method that ignores them.
            data (Data): The graph; anything else is left alone.
        """
        if self.warned or not isinstance(data, Data):
            return
        found = [
            f"'{key}'"
            for key, value in sorted(data.to_dict().items())
            if key.startswith(ATTRIBUTES) and isinstance(value, Tensor) and value.numel()
        ]
        if found:
            self.warned = True
            if is_rank_zero():
                text = f"{method} does not use {' and '.join(found)} of the graph: all edges count alike"
                warnings.warn(text, stacklevel=4)

    def __deepcopy__(self, memo: dict[int, Any]) -> "UnusedEdgeWeights":
        return self
