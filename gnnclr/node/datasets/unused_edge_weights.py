"""Warnings about weights of edges that a method does not use."""

import warnings
from typing import Any

from torch import Tensor
from torch_geometric.data import Data

from gnnclr.graph.weighted_edges import ATTRIBUTES
from gnnclr.ops.notice import is_rank_zero


class UnusedEdgeWeights:
    """Warns that a method does not use the weights of a graph, once for the method and all copies of it, in the process
    of rank zero."""

    def __init__(self) -> None:
        self.warned = False

    def warn(self, method: str, data: Any, used: str | None = None) -> None:
        """Warns if a graph has weights or attributes of edges that are not used.

        Args:
            method (str): The name of the method that ignores them.
            data (Data): The graph; anything else is left alone.
            used (str, optional): The attribute that is used. (default: ``None``)
        """
        if self.warned or not isinstance(data, Data):
            return
        found = [
            f"'{key}'"
            for key, value in sorted(data.to_dict().items())
            if key != used and key.startswith(ATTRIBUTES) and isinstance(value, Tensor) and value.numel()
        ]
        if found:
            self.warned: bool = True
            if is_rank_zero():
                effect = "" if used else ": all edges count alike for its encoder"
                text = f"{method} does not use {' and '.join(found)} of the graph{effect}"
                warnings.warn(text, stacklevel=4)

    def __deepcopy__(self, memo: dict[int, Any]) -> "UnusedEdgeWeights":
        return self
