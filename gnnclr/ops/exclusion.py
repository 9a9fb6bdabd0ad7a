"""Which pairs of a query and a key take no part in a softmax, held as groups and pairs instead of a mask."""

import torch
from torch import Tensor


class Exclusion:
    r"""Excluded pairs of :math:`n` queries and :math:`m` keys, in linear memory, for rows that are **sorted by group**.

    A pair is excluded if both sides have the same group, or if it is listed. Since both sides are sorted, pairs of equal group
    form blocks: most tiles of the similarity matrix see no mask at all, and tiles inside one group are skipped.

    Args:
        group_q (Tensor, optional): Sorted group of each query [n], integer.
        group_k (Tensor, optional): Sorted group of each key [m], integer.
        pairs (Tensor, optional): Further excluded pairs [2, p]: query indices and key indices.
    """

    def __init__(self, group_q: Tensor | None, group_k: Tensor | None, pairs: Tensor | None = None):
        self.group_q, self.group_k = group_q, group_k
        if group_q is not None and group_k is not None:
            self._bounds_q, self._bounds_k = group_q.cpu(), group_k.cpu()
        self.pairs = pairs if pairs is not None and pairs.size(1) > 0 else None
        if self.pairs is not None:
            self.pairs = self.pairs[:, torch.argsort(self.pairs[0], stable=True)]
            self._pair_rows = self.pairs[0].cpu().contiguous()

    def _ranges(self, rows: slice, cols: slice) -> tuple[int, int, int, int]:
        q, k = self._bounds_q, self._bounds_k
        return int(q[rows.start]), int(q[rows.stop - 1]), int(k[cols.start]), int(k[cols.stop - 1])

    def covers(self, rows: slice, cols: slice) -> bool:
        """Whether every pair of the tile is excluded, so that it can be skipped."""
        if self.group_q is None:
            return False
        q0, q1, k0, k1 = self._ranges(rows, cols)
        return q0 == q1 == k0 == k1

    def mask_(self, tile: Tensor, rows: slice, cols: slice, value: float) -> Tensor:
        """Writes ``value`` to the excluded entries of ``tile`` = similarities[rows, cols], in place."""
        if self.group_q is not None:
            q0, q1, k0, k1 = self._ranges(rows, cols)
            if q0 <= k1 and k0 <= q1:
                tile.masked_fill_(self.group_q[rows].unsqueeze(1) == self.group_k[cols].unsqueeze(0), value)
        if self.pairs is not None:
            lo, hi = torch.searchsorted(self._pair_rows, torch.tensor([rows.start, rows.stop])).tolist()
            row, col = self.pairs[:, lo:hi]
            inside = (col >= cols.start) & (col < cols.stop)
            tile[row[inside] - rows.start, col[inside] - cols.start] = value
        return tile

    def key_range(self, rows: slice) -> tuple[int, int]:
        """The range of keys that share a group with some query of ``rows``: all keys outside are free of exclusions."""
        if self.group_q is None:
            return 0, 0
        q = self._bounds_q
        ends = torch.stack([q[rows.start], q[rows.stop - 1]])
        lo = torch.searchsorted(self._bounds_k, ends[:1], side="left")
        hi = torch.searchsorted(self._bounds_k, ends[1:], side="right")
        return int(lo), int(hi)

    def transpose(self) -> "Exclusion":
        """The same exclusions with queries and keys swapped."""
        return Exclusion(self.group_k, self.group_q, None if self.pairs is None else self.pairs.flip(0))
