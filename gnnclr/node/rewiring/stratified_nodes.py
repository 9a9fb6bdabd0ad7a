"""Draws the nodes of a step so that each community has its share."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from gnnclr.graph.communities import stratified_batches
from gnnclr.graph.weighted_edges import edges_of
from gnnclr.node.datasets.data import check_node_data
from gnnclr.ops.check import check_count, describe
from gnnclr.ops.memo import TensorMemo


class StratifiedNodes:
    """Draws the nodes of a step so that each community has its share of them, see
    :func:`~gnnclr.graph.communities.stratified_batches`; the ``batch_size`` of a method.

        >>> GRACE(encoder, batch_size=StratifiedNodes(EdgeCommunities("louvain", min_size=20), 1024))

    Communities are found once for a graph. Nodes follow from the state of the global generator, as random ones do.

    Args:
        find (callable): Makes the community of each node [n] of ``(x, edge_index)``:
            :class:`~gnnclr.graph.communities.EdgeCommunities` or
            :class:`~gnnclr.graph.communities.PropagatedCommunities`.
        size (int, optional): Nodes of a step; all of them where there are fewer. (default: ``1024``)
    """

    def __init__(self, find: Callable[..., Any], size: int = 1024):
        if not callable(find):
            raise ValueError(f"'find' must be callable (got {describe(find)})")
        self.find: Callable[..., Any] = find
        self.size: int = check_count("size", size)
        self._found = TensorMemo(find)

    def __call__(self, data: Data) -> Tensor | None:
        """The nodes of a step [b], or ``None`` for all."""
        data = check_node_data(data)
        if self.size >= data.x.size(0):
            return None
        community = self._found(data.x, edges_of(data))
        return stratified_batches(community, self.size, int(torch.randint(2**31, ())))[0]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.find}, {self.size})"
