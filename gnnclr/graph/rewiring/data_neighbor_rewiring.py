"""Positives by nearest neighbors in the whole data set, which DataNeighbors finds."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch_geometric.transforms import BaseTransform

from gnnclr.graph.rewiring.fitted import RuleOfFindings
from gnnclr.graph.rewiring.neighbors import AddNeighborPositives


class DataNeighborRewiring(RuleOfFindings):
    r"""A rewiring made from the graph of neighbors of all samples, which changes while the encoder learns.

    Where :class:`~gnnclr.graph.AddKNNPositives` finds neighbors among the samples of a batch, these come from all the
    data (:class:`~gnnclr.graph.DataNeighbors`), and those that are in the batch take part:
    :class:`~gnnclr.graph.batches.NeighborhoodBatches` makes them meet. Recipes say ``data.neighbors``, and the data
    call :meth:`bind` before each epoch; a loop of one's own does it itself.

    Args:
        rule (callable, optional): Makes a rewiring of edges between samples [2, e].
            (default: :class:`~gnnclr.graph.AddNeighborPositives`)

    Example:
        >>> rewire = DataNeighborRewiring().bind(knn_graph(features, k=10, cosine=True))
    """

    call = "bind(edge_index), or say 'data.neighbors'"

    def __init__(self, rule: Callable[[Tensor], BaseTransform] = AddNeighborPositives):
        super().__init__(rule)
        self.edge_index: Tensor | None = None

    def bind(self, edge_index: Tensor) -> "DataNeighborRewiring":
        """Takes the neighbors [2, e] of samples, from source, the neighbor, to target; returns itself."""
        if self.fitted is None or self.edge_index is None or not torch.equal(self.edge_index, edge_index):
            self.edge_index = edge_index
            self.fitted: BaseTransform = self.rule(edge_index)
        return self

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"edge_index": None}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.fitted or 'not fitted'})"
