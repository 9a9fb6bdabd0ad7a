"""The nearest neighbors of all samples of the data, found anew while an encoder learns."""

from typing import Any

import torch
from torch import Tensor

from gnnclr.graph.index import KNNIndex
from gnnclr.graph.knn import knn_graph
from gnnclr.ops.check import check_count, check_index, check_matrix, describe
from gnnclr.ops.labels import UNLABELED


class DataNeighbors:
    r"""The graph of the :math:`k` nearest neighbors by cosine among all samples of the data, found anew every so many
    epochs, as in `"Unsupervised Deep Learning by Neighbourhood Discovery" <https://arxiv.org/abs/1904.11567>`_.

    It holds the graph and says when another one is due; training data embed the samples, and give the graph to the
    rewiring (:class:`~gnnclr.graph.DataNeighborRewiring`) and to the batches
    (:class:`~gnnclr.graph.batches.NeighborhoodBatches`). :meth:`state_dict` has the graph: embeddings of the epoch that
    it was made in are gone when a run is resumed.

        >>> neighbors = DataNeighbors(k=10, every=5)
        >>> if neighbors.is_due(epoch):
        ...     neighbors.find(features, epoch)
        >>> rewire.bind(neighbors.edge_index)

    Args:
        k (int, optional): Neighbors of each sample. (default: ``10``)
        every (int, optional): Epochs until the graph is made anew. (default: ``1``)
        start (int, optional): The first epoch with neighbors; before it the graph has no edges. (default: ``0``)
        index (str or KNNIndex, optional): The search: ``"flat"``, ``"ivf"``, ``"hnsw"`` or ``"auto"``, which takes one
            by the number of samples, or a :class:`~gnnclr.graph.KNNIndex` with ``cosine=True``. (default: ``"auto"``)
    """

    def __init__(self, k: int = 10, every: int = 1, start: int = 0, index: str | KNNIndex = "auto"):
        self.k: int = check_count("k", k)
        self.every: int = check_count("every", every)
        self.start: int = check_count("start", start, least=0)
        index = KNNIndex(index, cosine=True) if isinstance(index, str) else index
        if not isinstance(index, KNNIndex) or not index.cosine:
            wanted = "'flat', 'ivf', 'hnsw', 'auto' or a KNNIndex with cosine=True"
            raise ValueError(f"'index' must be {wanted} (got {describe(index)})")
        self.index = index
        #: The neighbors of each sample, nearest first, and -1 where there are fewer [n, k]; ``None`` before the first.
        self.neighbor: Tensor | None = None
        self._turn: int | None = None

    def is_due(self, epoch: int) -> bool:
        """Whether the graph of ``epoch`` is another one than that at hand."""
        return self._turn != self._turn_of(epoch)

    def find(self, x: Tensor, epoch: int) -> "DataNeighbors":
        """Makes the graph of ``epoch`` from the embeddings of all samples :math:`(n, d)`, and returns itself."""
        check_matrix("x", x, finite=True)
        neighbor = torch.full((x.size(0), self.k if epoch >= self.start else 0), -1)
        if epoch >= self.start and x.size(0) > 1:
            source, target = knn_graph(x.detach(), self.k, cosine=True, index=self.index).cpu()
            first = torch.searchsorted(target, torch.arange(x.size(0)))  # edges are sorted by target
            neighbor[target, torch.arange(target.numel()) - first[target]] = source
        self.neighbor, self._turn = neighbor, self._turn_of(epoch)
        return self

    @property
    def edge_index(self) -> Tensor:
        """The edges from neighbors to samples :math:`(2, e)`."""
        if self.neighbor is None:
            raise ValueError("'neighbors' must be found before they are used: call find(x, epoch)")
        found = self.neighbor >= 0
        target = torch.arange(len(self.neighbor)).unsqueeze(1).expand_as(self.neighbor)
        return torch.stack([self.neighbor[found], target[found]])

    def share_within(self, labels: Tensor) -> float | None:
        """The share of edges whose samples have one label, to look at: no label is used otherwise.

        Args:
            labels (Tensor): The label of each sample :math:`(n)`; edges at a missing one (``-1``) do not count.

        Returns:
            The share, or ``None`` where no edge has two labels.
        """
        labels = check_index("labels", labels, len(self.neighbor) if self.neighbor is not None else "n").cpu()
        source, target = labels[self.edge_index]
        known = (source != UNLABELED) & (target != UNLABELED)
        return float((source == target)[known].double().mean()) if bool(known.any()) else None

    def state_dict(self) -> dict[str, Any]:
        """The graph, and which one it is; empty before the first."""
        return {} if self.neighbor is None else {"neighbor": self.neighbor.to(torch.int32), "turn": self._turn}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes the graph of ``state``."""
        found = state.get("neighbor")
        self.neighbor, self._turn = (None, None) if found is None else (found.long(), int(state["turn"]))

    def _turn_of(self, epoch: int) -> int:
        return -1 if epoch < self.start else (epoch - self.start) // self.every

    def __repr__(self) -> str:
        return f"{type(self).__name__}(k={self.k}, every={self.every}, start={self.start}, index={self.index.kind!r})"
