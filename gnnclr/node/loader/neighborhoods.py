"""Batches of a large graph in which nodes meet their neighbors by embeddings."""

from typing import ClassVar

import torch
from torch import Tensor
from torch_geometric.data import Data

from gnnclr.graph.batches import NeighborhoodBatches
from gnnclr.node.loader.batches import SubgraphLoader


class NeighborhoodLoader(SubgraphLoader):
    r"""Batches made of neighborhoods in the graph of the nearest neighbors of all nodes by their embeddings
    (:class:`~gnnclr.graph.DataNeighbors`), by :class:`~gnnclr.graph.batches.NeighborhoodBatches`: of :math:`n` nodes a
    batch of :math:`B` random ones holds the share :math:`B / n` of a node's neighbors, and these hold many, as further
    positives by :class:`~gnnclr.graph.DataNeighborRewiring` or as hard negatives.

    Recipes say ``data.neighbors``, which are found anew while the encoder learns, and the data hand them on; a loop of
    one's own calls :meth:`set_neighbors` before each epoch. Until then batches are random. Edges of the graph are those
    within a batch, as for :class:`CommunityLoader`: near embeddings are often near in the graph.

    Args:
        data (Data): The graph; ``x`` may be sparse CSR.
        size (int, optional): The most nodes of a neighborhood. (default: ``32``)
        batch_size (int, optional): The most nodes of a batch. (default: ``4096``)
        **kwargs (optional): ``seed``, ``rank`` and ``world_size`` of :class:`SubgraphLoader`.
    """

    #: Whether batches are made of the neighbors that the data find.
    needs_neighbors: ClassVar[bool] = True

    def __init__(self, data: Data, size: int = 32, batch_size: int = 4096, **kwargs: int):
        super().__init__(data, batch_size, **kwargs)
        self.selection: NeighborhoodBatches = NeighborhoodBatches(size)

    def set_neighbors(self, neighbor: Tensor) -> "NeighborhoodLoader":
        """Takes the neighbors of each node, nearest first and -1 where there are fewer [n, k], and returns itself."""
        if neighbor.size(0) != self.num_nodes:
            raise ValueError(f"'neighbor' must have the {self.num_nodes} rows of the graph (got {neighbor.size(0)})")
        self.selection.set_neighbors(neighbor)
        return self

    def order(self, generator: torch.Generator) -> Tensor:
        """Neighborhoods, grown around the nodes of a random permutation."""
        order = torch.randperm(self.num_nodes, generator=generator)
        return torch.cat(self.selection.batches(order, self.batch_size))

    def layout(self) -> dict[str, int]:
        """That of all loaders, and the size of a neighborhood."""
        return super().layout() | {"neighborhood": self.selection.size}
