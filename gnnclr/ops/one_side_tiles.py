"""The part of a symmetric softmax between rows of one side and those of another, for the one side alone."""

from collections.abc import Iterator

import torch
from torch import Tensor

from gnnclr.ops.exclusion import Exclusion
from gnnclr.ops.sample_diagonals import SampleDiagonals
from gnnclr.ops.tiles import LOG2_E, MEMORY, kept_entries, length, scaled_product, slices, tile_entries, tile_size


class OneSideTiles:
    r"""Similarities of own rows and the other keys, in tiles: what the others add to the partitions of own rows, and
    the joint message to own rows.

    Two matrix products, or three where exponentials are too many to be kept.

    Args:
        q (Tensor): Own rows [n, d].
        k (Tensor): Rows of all [N, d].
        own (slice): Where own rows lie among those of all.
        scale (float or Tensor): The factor of similarities.
        shifted (bool): Whether exponents over- or underflow without a shift.
        keep (bool): Whether a message will be asked for.
        exclusion (Exclusion or SampleDiagonals, optional): The pairs that take no part. (default: ``None``)

    Attributes:
        total (Tensor): Sums of exponentials, or where they are shifted their logarithms [n].
    """

    def __init__(
        self,
        q: Tensor,
        k: Tensor,
        own: slice,
        scale: float | Tensor,
        shifted: bool,
        keep: bool,
        exclusion: Exclusion | SampleDiagonals | None = None,
    ):
        self.q: Tensor = q
        self.k: Tensor = k
        self.scale: float | Tensor = scale
        self.shifted: bool = shifted
        self.exclusion: Exclusion | SampleDiagonals | None = exclusion
        self.sides: tuple[slice, slice] = slice(0, own.start), slice(own.stop, k.size(0))
        self.height: int = max(1, min(tile_size(q), q.size(0)))
        self.width: int = max(1, min(4 * tile_size(q), k.size(0)))
        self._buffer = q.new_empty(min(self.height, max(1, tile_size(q) // 2)) * self.width)
        self._kept, kept, memory, loan = [], [], None, None
        if keep:
            entries = sum(tile_entries(q.size(0), length(cols)) for cols in self._parts())
            loan = MEMORY.lend(q, entries)
            keep = loan is not None or entries <= kept_entries(q)
            memory = loan.memory if loan is not None else q.new_empty(entries) if keep else None
        self.total: Tensor = q.new_full((q.size(0),), float("-inf")) if shifted else q.new_zeros(q.size(0))
        for tile in self._walk(memory):
            self._add(*tile)
            if keep:
                kept.append(tile)
        if shifted:
            self.total.div_(LOG2_E)
        if keep:
            self._kept.append((kept, loan))

    def _add(self, rows: slice, cols: slice, e: Tensor) -> None:
        """Adds a tile to the total of its rows, to the base of two where exponents are shifted."""
        if self.shifted:
            for some, scores in self._in_cache(rows, e):
                self.total[some] = torch.logaddexp2(self.total[some], self._log_sum(scores, dim=1))
        else:
            self.total[rows].add_(e.sum(dim=1))

    def _log_sum(self, scores: Tensor, dim: int) -> Tensor:
        """Logarithms of sums of exponentials, both to the base of two, of a part of a tile."""
        high = scores.amax(dim=dim, keepdim=True)
        high.masked_fill_(high == float("-inf"), 0)  # where all pairs are excluded
        total = torch.sub(scores, high, out=self._like(scores)).exp2_().sum(dim=dim)
        return total.log2_().add_(high.squeeze(dim))

    def _in_cache(self, rows: slice, e: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Parts of a tile, with their rows, for which a second tile stays in cache."""
        for part in slices(e.size(0), max(1, min(self.height, tile_size(e) // 2))):
            yield slice(rows.start + part.start, rows.start + part.stop), e[part]

    def _like(self, part: Tensor) -> Tensor:
        """Memory of the shape of a part of a tile."""
        return self._buffer[: part.numel()].view(part.shape)

    def _tiles(self) -> Iterator[tuple[slice, slice, Tensor]]:
        """The tiles that were kept, at the first call; otherwise new ones, one after the other in one place."""
        try:
            kept, _loan = self._kept.pop()
        except IndexError:
            yield from self._walk(None)
        else:
            yield from kept

    def _walk(self, memory: Tensor | None) -> Iterator[tuple[slice, slice, Tensor]]:
        """New tiles side by side in ``memory``, or in one place: exponentials, or where they are shifted exponents, to
        the base of two."""
        place, used = self.q.new_empty(tile_entries(self.height, self.width)) if memory is None else memory, 0
        for rows in slices(self.q.size(0), self.height):
            for cols in self._parts():
                if self.exclusion is not None and self.exclusion.covers(rows, cols):
                    continue
                e = scaled_product(self.q[rows], self.k[cols], self.scale * LOG2_E, place[used:])
                used += 0 if memory is None else tile_entries(length(rows), length(cols))
                if self.exclusion is not None:
                    self.exclusion.mask_(e, rows, cols, value=float("-inf"))
                yield rows, cols, e if self.shifted else e.exp2_()

    def _parts(self) -> Iterator[slice]:
        """The columns of tiles."""
        for side in self.sides:
            yield from slices(side.stop, self.width, side.start)

    def message(self, share_q: Tensor, share_k: Tensor) -> Tensor:
        r"""The joint message :math:`\sum_j e_{ij} (a_i + a_j) \mathbf{k}_j` [n, d].

        Args:
            share_q (Tensor): :math:`a` of own rows, or where exponents are shifted their logarithms [n].
            share_k (Tensor): The same of all rows [N].
        """
        out = torch.zeros_like(self.q)
        for rows, cols, e in self._weighted(share_q, share_k):
            out[rows].addmm_(e, self.k[cols])
        return out

    def _weighted(self, share_q: Tensor, share_k: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
        """Tiles of exponentials times the shares of both sides."""
        if self.shifted:
            share_q, share_k = share_q * LOG2_E, share_k * LOG2_E
        for rows, cols, e in self._tiles():
            of_keys = share_k[cols]
            for some, part in self._in_cache(rows, e):
                of_some, other = share_q[some].unsqueeze(1), self._like(part)
                if self.shifted:
                    torch.add(part, of_keys, out=other).exp2_()
                    part.add_(of_some).exp2_().add_(other)
                else:
                    part.mul_(torch.add(of_some, of_keys, out=other))
            yield rows, cols, e
