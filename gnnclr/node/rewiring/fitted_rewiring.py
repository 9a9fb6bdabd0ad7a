"""Rewirings that are made from the graph of the training."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from gnnclr.graph.composed import composed
from gnnclr.graph.rewiring.fitted import RuleOfFindings
from gnnclr.graph.weighted_edges import Edges, edges_of
from gnnclr.node.datasets.data import check_features
from gnnclr.ops.check import check_count, check_seed, describe
from gnnclr.ops.memo import TensorMemo


class FittedRewiring(RuleOfFindings):
    """A rewiring made from findings in the graph, such as communities or nearest neighbors.

        >>> FittedRewiring(EdgeCommunities("louvain"), ExcludeCommunity)
        >>> FittedRewiring(PropagatedNeighbors(k=30), AddNeighborPositives)

    :meth:`fit` takes the graph; :class:`~gnnclr.node.GRACE` calls it, and what is found is remembered while the graph
    stays the same. With ``every`` it is found anew after so many epochs, with the next seed: where a search depends on
    chance, as for communities, training sees many partitions. Which epoch it is :meth:`start_epoch` says: recipes call
    it, and a loop of one's own calls ``method.start_epoch(epoch)`` before each epoch, or nothing is found anew. All of
    it follows from the graph, the seed and the epoch, so that a resumed run has the same.

    Where steps see subgraphs (batches with ``n_id``), :meth:`bind` says of which graph: what is found is then that of
    the whole graph, for the nodes that are there.

    Args:
        find (callable): Makes a tensor of ``(x, edge_index, seed)``, where edges with weights are
            :class:`~gnnclr.graph.WeightedEdges`:
            :class:`~gnnclr.graph.communities.EdgeCommunities`,
            :class:`~gnnclr.graph.communities.PropagatedCommunities` or :class:`~gnnclr.node.PropagatedNeighbors`.
        rule (callable): Makes a rewiring of that tensor, which is the first argument of its class.
        every (int, optional): Epochs until it is found anew. (default: ``None``, never)
        seed (int, optional): The first seed. (default: ``0``)
    """

    def __init__(
        self,
        find: Callable[..., Any],
        rule: Callable[[Tensor], BaseTransform],
        every: int | None = None,
        seed: int = 0,
    ):
        super().__init__(rule)
        if not callable(find):
            raise ValueError(f"'find' must be callable (got {describe(find)})")
        self.find = find
        self.every: int | None = check_count("every", every, optional=True)
        self.seed: int = check_seed("seed", seed)
        self.epoch = 0
        self._whole: Data | None = None
        self._made = TensorMemo(self._make)

    def start_epoch(self, epoch: int) -> None:
        """Says which epoch begins."""
        self.epoch: int = epoch

    def bind(self, data: Data) -> "FittedRewiring":
        """Takes ``data`` for the graph whose subgraphs the steps see, and returns itself."""
        check_features(data)
        self._whole = data
        return self

    @property
    def bound(self) -> bool:
        """Whether the graph is known of which steps see subgraphs."""
        return self._whole is not None

    def fit(self, data: Data) -> "FittedRewiring":
        """Makes the rewiring for a graph with ``x`` and ``edge_index``, or for the one that subgraphs are bound to, if
        it is not made yet; returns itself."""
        check_features(data)
        data = self._whole if self._whole is not None and "n_id" in data else data
        turn = 0 if self.every is None else self.epoch // self.every
        self.fitted: BaseTransform | None = self._made(data.x, edges_of(data), self.seed + turn)
        return self

    def _make(self, x: Tensor, edges: Edges, seed: int) -> BaseTransform:
        return self.rule(self.find(x, edges, seed))

    def __deepcopy__(self, memo: dict[int, Any]) -> "FittedRewiring":
        other = memo[id(self)] = type(self).__new__(type(self))
        vars(other).update(copy.deepcopy(self.__getstate__(), memo), _whole=self._whole)  # one graph for both
        return other

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_whole": None}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.find}, {self.fitted or 'not fitted'})"


def fitted_parts(rewire: Callable[..., Any] | None) -> Iterator[FittedRewiring]:
    """The rewirings to fit, of one rewiring or of those that are composed in it."""
    return (part for part in composed(rewire) if isinstance(part, FittedRewiring))
