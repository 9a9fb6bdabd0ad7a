"""The pairs of queries and keys that take part in a sum."""

from typing import TypeVar

import torch
from torch import Tensor

from gnnclr.ops.check import check_index, check_matrix, describe
from gnnclr.ops.exclusion import Exclusion
from gnnclr.ops.memo import TensorMemo
from gnnclr.ops.tiles import single_tile

#: What there is for each row, or nothing.
Part = TypeVar("Part", Tensor, None)


class PairSet:
    r"""Queries, keys and excluded pairs, in the order in which the engines walk over them.

    Rows are cast to float32 at least. Where they fill more than a tile they are sorted by group, so that excluded pairs
    are ranges; :meth:`sort_q` and :meth:`unsort_q` go between the caller's order and this one.

    Args:
        q (Tensor): Queries [n, d].
        k (Tensor): Keys [m, d].
        exclude (tuple, optional): Groups of queries [n] and keys [m]; pairs of equal group take no part.
        exclude_pairs (Tensor, optional): Further pairs [2, p] that take no part. With ``symmetric``, both directions.
        symmetric (bool, optional): Queries and keys have the same groups, and one order. (default: ``False``)
    """

    def __init__(
        self,
        q: Tensor,
        k: Tensor,
        *,
        exclude: tuple[Tensor, Tensor] | None = None,
        exclude_pairs: Tensor | None = None,
        symmetric: bool = False,
    ):
        check_matrix("q", q)
        if k is not q:
            check_matrix("k", k, cols=q.size(1))
        n, m = q.size(0), k.size(0)
        if symmetric and n != m:
            raise ValueError(f"'symmetric' needs as many keys as queries (got {n} queries and {m} keys)")
        dtype = torch.promote_types(torch.promote_types(q.dtype, k.dtype), torch.float32)
        one = q is k
        q = q.detach().to(dtype)
        k = q if one else k.detach().to(dtype)
        pairs = self._check_pairs(exclude_pairs, n, m, symmetric)
        groups = self._check_groups(exclude, n, m)
        # A single tile is masked as a whole: nothing is gained by sorting.
        ranges = exclude is not None and max(n, m) > single_tile(q)
        self._order_q, self._order_k, exclusion = _arrange(*groups, symmetric, ranges)
        self.exclusion: Exclusion = exclusion
        self.q: Tensor = self.sort_q(q)
        self.k: Tensor = self.q if one and self._order_q is self._order_k else self.sort_k(k)
        if pairs is not None:
            pairs = torch.stack([self._rank(pairs[0], self._order_q), self._rank(pairs[1], self._order_k)])
            self.exclusion = self.exclusion.with_pairs(pairs)

    @property
    def count(self) -> Tensor:
        """The number of keys that take part with each query [n], in the caller's order."""
        return self.unsort_q(self.exclusion.count(self.q.size(0), self.k.size(0)).to(self.q.device))

    def sort_q(self, x: Part) -> Part:
        """Values of queries [n, ...], in the order of the engines."""
        return x if x is None or self._order_q is None else x[self._order_q]

    def sort_k(self, x: Part) -> Part:
        """Values of keys [m, ...], in the order of the engines."""
        return x if x is None or self._order_k is None else x[self._order_k]

    def rank_q(self, index: Tensor) -> Tensor:
        """The queries that stand at ``index`` in the order of the engines, in the caller's order."""
        return index if self._order_q is None else self._order_q[index]

    def place_q(self, index: Tensor) -> Tensor:
        """Where the caller's queries ``index`` stand in the order of the engines."""
        return self._rank(index, self._order_q)

    def unsort_q(self, x: Tensor) -> Tensor:
        """Values of queries, in the order of the caller."""
        return x if self._order_q is None else torch.empty_like(x).index_copy_(0, self._order_q, x)

    def unsort_k(self, x: Tensor) -> Tensor:
        """Values of keys, in the order of the caller."""
        return x if self._order_k is None else torch.empty_like(x).index_copy_(0, self._order_k, x)

    @staticmethod
    def _check_pairs(pairs: Tensor | None, n: int, m: int, symmetric: bool) -> Tensor | None:
        if pairs is None:
            return None
        pairs = check_index("exclude_pairs", pairs, 2, "p")
        if pairs.numel() == 0:
            return None
        if int(pairs.min()) < 0 or int(pairs[0].max()) >= n or int(pairs[1].max()) >= m:
            raise ValueError(
                f"'exclude_pairs' must index {n} queries and {m} keys (got indices up to {pairs.amax(1).tolist()})"
            )
        return torch.cat([pairs, pairs.flip(0)], dim=1) if symmetric else pairs

    @staticmethod
    def _check_groups(exclude: tuple[Tensor, Tensor] | None, n: int, m: int) -> tuple[Tensor | None, Tensor | None]:
        if exclude is None:
            return None, None
        if not isinstance(exclude, tuple) or len(exclude) != 2:
            raise ValueError(f"'exclude' must be the groups of queries and of keys (got {describe(exclude)})")
        return check_index("exclude[0]", exclude[0], n), check_index("exclude[1]", exclude[1], m)

    @staticmethod
    def _rank(index: Tensor, order: Tensor | None) -> Tensor:
        """Where the rows ``index`` stand after sorting."""
        if order is None:
            return index
        rank = torch.empty_like(order)
        rank[order] = torch.arange(order.numel(), device=order.device)
        return rank[index]


def _order(group: Tensor) -> Tensor | None:
    """The order that sorts by group, or none if the rows are sorted already."""
    if bool((group[1:] >= group[:-1]).all()):
        return None
    return torch.argsort(group, stable=True)


@TensorMemo
def _arrange(
    group_q: Tensor | None, group_k: Tensor | None, symmetric: bool, ranges: bool
) -> tuple[Tensor | None, Tensor | None, Exclusion]:
    """The orders of queries and keys, and the exclusions by groups: the same through an epoch, if its batches are
    alike."""
    order_q = _order(group_q) if ranges else None
    order_k = order_q if symmetric or not ranges else _order(group_k)
    groups = (x if x is None or order is None else x[order] for x, order in ((group_q, order_q), (group_k, order_k)))
    return order_q, order_k, Exclusion(*groups, ranges=ranges)
