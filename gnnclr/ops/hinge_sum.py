"""Sums of hinges over all pairs, for any number of thresholds of each query, in linear memory."""

import torch
from torch import Tensor

from gnnclr.ops.check import check_choice, check_index, describe
from gnnclr.ops.kernels.hinge import Hinge
from gnnclr.ops.pair_set import PairSet
from gnnclr.ops.pair_sum import SUM_IMPLEMENTATIONS
from gnnclr.ops.tiles import slices, tile_size
from gnnclr.ops.value_only import value_only

#: Thresholds of a block of queries.
THRESHOLDS_AT_ONCE = 1 << 22


class SortedThresholds:
    """Thresholds of queries, sorted within each, and the sums of their hinges at a distance.

    Args:
        owner (Tensor): The query of each threshold [e].
        threshold (Tensor): The thresholds [e].
        weight (Tensor): Their weights [e].
        n (int): The number of queries.
    """

    def __init__(self, owner: Tensor, threshold: Tensor, weight: Tensor, n: int):
        order = torch.argsort(threshold)
        #: Where each threshold was before sorting [e].
        self.order: Tensor = order[torch.argsort(owner[order], stable=True)]
        self.owner: Tensor = owner[self.order]
        self.threshold: Tensor = threshold[self.order]
        self.weight: Tensor = weight[self.order]
        #: How many each query has [n], and where they start [n + 1].
        self.count: Tensor = torch.bincount(owner, minlength=n)
        self.start: Tensor = torch.nn.functional.pad(self.count.cumsum(0), (1, 0))

    def rows(self, rows: slice) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The thresholds of some queries [b, p], the last ones of each row if it has fewer, sums of weights, and of
        weighted thresholds, from each on [b, p + 1], and where each stands in its row [e of the rows]."""
        count = self.count[rows]
        width = int(count.max()) if count.numel() else 0
        part = slice(int(self.start[rows.start]), int(self.start[rows.stop]))
        own = self.owner[part] - rows.start
        place = torch.arange(part.start, part.stop, device=own.device) - self.start[rows][own] + width - count[own]
        padded = self.threshold.new_full((count.numel(), width), float("-inf"))
        padded[own, place] = self.threshold[part]
        sums = self.threshold.new_zeros(2, count.numel(), width + 1)
        sums[0, own, place], sums[1, own, place] = self.weight[part], self.weight[part] * self.threshold[part]
        weight, weighted = sums.flip(2).cumsum(2).flip(2)
        return padded, weight, weighted, own, place

    def ranks(self, target: Tensor, distance: Tensor) -> Tensor:
        """How many thresholds of a query are no larger, for each of some distances [m]."""
        value, of = torch.cat([self.threshold, distance]), torch.cat([self.owner, target])
        order = torch.argsort(value, stable=True)
        order = order[torch.argsort(of[order], stable=True)]
        is_threshold = order < self.threshold.numel()
        before = is_threshold.cumsum(0)[~is_threshold]
        out = torch.empty_like(target)
        out[order[~is_threshold] - self.threshold.numel()] = before
        return out - self.start[target]


class HingeSum:
    r"""The sum of :math:`w_e [c_e - \|\mathbf{q}_i - \mathbf{k}_j\|]_+` over all keys of a query and all of its
    thresholds, without a list of triplets.

    Thresholds are sorted, so a distance says by one search which of them it falls short of.

    Args:
        q (Tensor): Queries.
        k (Tensor): Keys.
        owner (Tensor): The query of each threshold.
        threshold (Tensor): The thresholds :math:`c`.
        weight (Tensor): Their weights :math:`w`.
        exclude (tuple, optional): Groups of queries and keys; pairs of equal group take no part. (default: ``None``)
        exclude_pairs (Tensor, optional): Further pairs that take no part. (default: ``None``)
        impl (str, optional): ``"tiles"``, ``"dense"`` (one tile that holds everything), or ``"auto"``, which is tiles.
            (default: ``"auto"``)
        kernel (Hinge, optional): The hinge, which says what the distance is. (default: ``None``, ``Hinge()``)

    Shapes:
        - **input:** queries :math:`(n, d)`, keys :math:`(m, d)`, owner, threshold and weight :math:`(e)`
        - **output:** ``value`` and ``mass``, the weight of all triplets, scalars; gradients ``to_q`` :math:`(n, d)`,
          ``to_k`` :math:`(m, d)` and ``by_threshold`` :math:`(e)`
    """

    def __init__(
        self,
        q: Tensor,
        k: Tensor,
        owner: Tensor,
        threshold: Tensor,
        weight: Tensor,
        *,
        exclude: tuple[Tensor, Tensor] | None = None,
        exclude_pairs: Tensor | None = None,
        impl: str = "auto",
        kernel: Hinge | None = None,
    ):
        check_choice("impl", impl, SUM_IMPLEMENTATIONS)
        check_index("owner", owner, "e")
        for name, x in (("threshold", threshold), ("weight", weight)):
            if x.shape != owner.shape:
                raise ValueError(f"'{name}' must have shape {list(owner.shape)} (got {describe(x)})")
        with torch.no_grad(), torch.autocast(q.device.type, enabled=False):
            self.kernel: Hinge = Hinge() if kernel is None else kernel
            pairs = PairSet(q, k, exclude=exclude, exclude_pairs=exclude_pairs)
            threshold, weight = (x.detach().to(pairs.q.dtype) for x in (threshold, weight))
            self._sorted = SortedThresholds(pairs.place_q(owner), threshold, weight, q.size(0))
            self.value: Tensor = pairs.q.new_zeros(())
            self._counts = torch.zeros_like(self._sorted.threshold)
            self._to_q, self._to_k = torch.zeros_like(pairs.q), torch.zeros_like(pairs.k)
            height, width = (q.size(0), k.size(0)) if impl == "dense" else (tile_size(q), 4 * tile_size(q))
            most = int(self._sorted.count.max()) if q.size(0) else 0
            for rows in slices(q.size(0), max(1, min(height, THRESHOLDS_AT_ONCE // max(most, 1)))):
                self._add(pairs, rows, max(width, 1))
            self.to_q: Tensor = pairs.unsort_q(self._to_q)
            self.to_k: Tensor = pairs.unsort_k(self._to_k)
            self.by_threshold: Tensor = torch.empty_like(weight)
            self.by_threshold[self._sorted.order] = self._counts * self._sorted.weight
            self.mass: Tensor = (pairs.count[owner] * weight).sum()

    def _add(self, pairs: PairSet, rows: slice, width: int) -> None:
        """Adds the sums and messages of a block of queries."""
        threshold, weights, weighted, own, place = self._sorted.rows(rows)
        if not own.numel():
            return
        passed = torch.zeros_like(weights)
        for cols in slices(pairs.k.size(0), width):
            if pairs.exclusion.covers(rows, cols):
                continue
            q, k = pairs.q[rows], pairs.k[cols]
            x = self.kernel.tile(q, k)
            distance = self.kernel.distance(x)
            rank = torch.searchsorted(threshold, distance, right=True)
            pairs.exclusion.mask_(rank, rows, cols, threshold.size(1))
            weight = weights.gather(1, rank)
            self.value += torch.addcmul(weighted.gather(1, rank), weight, distance, value=-1).sum()
            if value_only():
                continue
            passed.scatter_add_(1, rank, torch.ones_like(distance))
            slope = self.kernel.distance_slope(x).mul_(weight).neg_()
            to_q, to_k = self.kernel.pull_tile(slope, q, k)
            self._to_q[rows] += to_q
            self._to_k[cols] += to_k
        part = slice(int(self._sorted.start[rows.start]), int(self._sorted.start[rows.stop]))
        self._counts[part] = passed.cumsum(1)[own, place]
