"""Which pairs of a query and a key take no part in a softmax, held as ranges and pairs instead of a mask."""

import torch
from torch import Tensor


class Exclusion:
    r"""Excluded pairs of :math:`n` queries and :math:`m` keys, in linear memory, for rows that are **sorted by group**.

    A pair is excluded if both sides have the same group, or if it is listed. Since both sides are sorted, the excluded
    keys of a query are
    one range, and pairs of equal group form blocks: most tiles of the similarity matrix see no mask at all, and tiles
    inside one group are skipped.

    Args:
        group_q (Tensor, optional): Sorted group of each query [n], integer.
        group_k (Tensor, optional): Sorted group of each key [m], integer.
        pairs (Tensor, optional): Further excluded pairs [2, p]: query indices and key indices.
    """

    def __init__(self, group_q: Tensor | None, group_k: Tensor | None, pairs: Tensor | None = None):
        self.group_q, self.group_k = group_q, group_k
        if group_q is not None:
            self.first = torch.searchsorted(group_k, group_q, side="left")
            self.last = torch.searchsorted(group_k, group_q, side="right")
            # Bounds of tiles are read one by one: from the CPU, so that no kernel is waited for.
            self._first, self._last = self.first.cpu(), self.last.cpu()
        self.pairs = pairs if pairs is not None and pairs.size(1) > 0 else None
        if self.pairs is not None:
            self.pairs = self.pairs[:, torch.argsort(self.pairs[0], stable=True)]
            self._pair_rows = self.pairs[0].cpu().contiguous()

    def key_range(self, rows: slice) -> tuple[int, int]:
        """The range of keys that share a group with some query of ``rows``: all keys outside are free of exclusions by
        group."""
        if self.group_q is None:
            return 0, 0
        return int(self._first[rows.start]), int(self._last[rows.stop - 1])

    def covers(self, rows: slice, cols: slice) -> bool:
        """Whether every pair of the tile is excluded by its group, so that it can be skipped."""
        if self.group_q is None:
            return False
        return int(self._first[rows.stop - 1]) <= cols.start and int(self._last[rows.start]) >= cols.stop

    def mask_(self, tile: Tensor, rows: slice, cols: slice, value: float) -> Tensor:
        """Writes ``value`` to the excluded entries of ``tile`` = similarities[rows, cols], in place."""
        lo, hi = self.key_range(rows)
        if lo < cols.stop and cols.start < hi:
            first, last = (x[rows].clamp(cols.start, cols.stop) - cols.start for x in (self.first, self.last))
            count = last - first
            total = int(count.sum())
            if 16 * total > tile.numel():
                tile.masked_fill_(self.group_q[rows].unsqueeze(1) == self.group_k[cols].unsqueeze(0), value)
            elif total:
                row = torch.arange(count.numel(), device=tile.device).repeat_interleave(count, output_size=total)
                col = torch.arange(total, device=tile.device) - (count.cumsum(0) - count - first)[row]
                tile[row, col] = value
        if self.pairs is not None:
            lo, hi = torch.searchsorted(self._pair_rows, torch.tensor([rows.start, rows.stop])).tolist()
            row, col = self.pairs[:, lo:hi]
            inside = (col >= cols.start) & (col < cols.stop)
            tile[row[inside] - rows.start, col[inside] - cols.start] = value
        return tile

    def transpose(self) -> "Exclusion":
        """The same exclusions with queries and keys swapped."""
        return Exclusion(self.group_k, self.group_q, None if self.pairs is None else self.pairs.flip(0))
