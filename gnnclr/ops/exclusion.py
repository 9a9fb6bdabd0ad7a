"""Pairs of queries and keys that a softmax leaves out, as ranges and lists instead of a mask."""

from copy import copy

import torch
from torch import Tensor


class Exclusion:
    r"""Excluded pairs of :math:`n` queries and :math:`m` keys, in linear memory.

    A pair is excluded if both sides have the same group, or if it is listed. If both sides are **sorted by group**, the
    excluded keys of a query are one range, and pairs of equal group form blocks: most tiles of the similarity matrix
    see no mask at all, and tiles inside one group are skipped.

    Args:
        group_q (Tensor, optional): Group of each query [n], integer.
        group_k (Tensor, optional): Group of each key [m], integer.
        pairs (Tensor, optional): Further excluded pairs [2, p]: query indices and key indices.
        ranges (bool, optional): Whether the groups are sorted. If not, all excluded pairs are listed, or where they are
            many masked by comparison, which suits matrices of a single tile. (default: ``True``)
    """

    def __init__(
        self, group_q: Tensor | None, group_k: Tensor | None, pairs: Tensor | None = None, ranges: bool = True
    ):
        self.group_q: Tensor | None = group_q
        self.group_k: Tensor | None = group_k
        self.ranges: bool = ranges and group_q is not None
        if self.ranges:
            self.first: Tensor = torch.searchsorted(group_k, group_q, side="left")
            self.last: Tensor = torch.searchsorted(group_k, group_q, side="right")
            # Bounds of tiles are read one by one: from the CPU, so that no kernel is waited for.
            self._first, self._last = self.first.cpu(), self.last.cpu()
        self._own = self._list_groups() if group_q is not None and not self.ranges else None
        self._set_pairs(pairs)

    def _set_pairs(self, pairs: Tensor | None) -> None:
        self.pairs = pairs if pairs is not None and pairs.size(1) > 0 else None
        if self.pairs is not None:
            self.pairs = self.pairs[:, torch.argsort(self.pairs[0], stable=True)]
            self._pair_rows = self.pairs[0].cpu().contiguous()

    def with_pairs(self, pairs: Tensor) -> "Exclusion":
        """The same groups, with other pairs listed [2, p]."""
        other = copy(self)
        other._set_pairs(pairs)
        return other

    def key_range(self, rows: slice) -> tuple[int, int]:
        """The range of keys that share a group with some query of ``rows``: all keys outside are free of exclusions by
        group."""
        if self.group_q is None:
            return 0, 0
        if not self.ranges:
            return 0, self.group_k.numel()
        return int(self._first[rows.start]), int(self._last[rows.stop - 1])

    def covers(self, rows: slice, cols: slice) -> bool:
        """Whether every pair of the tile is excluded by its group, so that it can be skipped."""
        if not self.ranges:
            return False
        return int(self._first[rows.stop - 1]) <= cols.start and int(self._last[rows.start]) >= cols.stop

    def count(self, n: int, m: int) -> Tensor:
        """The number of keys that are not excluded, for each of ``n`` queries [n]."""
        some = self.group_q if self.group_q is not None else self.pairs
        left = torch.full((n,), m, dtype=torch.long, device=None if some is None else some.device)
        if self.group_q is not None:
            inverse = torch.unique(torch.cat([self.group_q, self.group_k]), return_inverse=True)[1]
            left -= torch.bincount(inverse[n:], minlength=int(inverse.max()) + 1)[inverse[:n]] if n + m else 0
        if self.pairs is not None:
            query, key = torch.unique(self.pairs, dim=1)
            if self.group_q is not None:
                query = query[self.group_q[query] != self.group_k[key]]
            left -= torch.bincount(query, minlength=n)
        return left

    def mask_(self, tile: Tensor, rows: slice, cols: slice, value: float) -> Tensor:
        """Writes ``value`` to the excluded entries of ``tile`` = similarities[rows, cols], in place."""
        if self.ranges:
            self._mask_ranges(tile, rows, cols, value)
        elif self._own is not None and tile.shape == (self.group_q.numel(), self.group_k.numel()):
            tile[self._own] = value
        elif self.group_q is not None:
            tile.masked_fill_(self.group_q[rows].unsqueeze(1) == self.group_k[cols].unsqueeze(0), value)
        if self.pairs is not None:
            lo, hi = torch.searchsorted(self._pair_rows, torch.tensor([rows.start, rows.stop])).tolist()
            row, col = self.pairs[:, lo:hi]
            inside = (col >= cols.start) & (col < cols.stop)
            tile[row[inside] - rows.start, col[inside] - cols.start] = value
        return tile

    def _list_groups(self) -> tuple[Tensor, Tensor] | None:
        """All pairs of equal group, unless they are many."""
        order = torch.argsort(self.group_k, stable=True)
        group_k = self.group_k[order]
        first = torch.searchsorted(group_k, self.group_q, side="left")
        count = torch.searchsorted(group_k, self.group_q, side="right").sub_(first)
        total = int(count.sum())
        if 16 * total > self.group_q.numel() * self.group_k.numel():
            return None
        row, position = _ranges(first, count, total)
        return row, order[position]

    def _mask_ranges(self, tile: Tensor, rows: slice, cols: slice, value: float) -> None:
        lo, hi = self.key_range(rows)
        if lo >= cols.stop or cols.start >= hi:
            return
        first, last = (x[rows].clamp(cols.start, cols.stop) - cols.start for x in (self.first, self.last))
        count = last - first
        total = int(count.sum())
        if 16 * total > tile.numel():
            tile.masked_fill_(self.group_q[rows].unsqueeze(1) == self.group_k[cols].unsqueeze(0), value)
        elif total:
            tile[_ranges(first, count, total)] = value

    def transpose(self) -> "Exclusion":
        """The same exclusions with queries and keys swapped."""
        pairs = None if self.pairs is None else self.pairs.flip(0)
        return Exclusion(self.group_k, self.group_q, pairs, self.ranges)


def _ranges(first: Tensor, count: Tensor, total: int) -> tuple[Tensor, Tensor]:
    """Rows and entries of the ranges of ``count`` entries from ``first`` on, ``total`` in all."""
    row = torch.arange(count.numel(), device=count.device).repeat_interleave(count, output_size=total)
    return row, torch.arange(total, device=count.device) - (count.cumsum(0) - count - first)[row]
