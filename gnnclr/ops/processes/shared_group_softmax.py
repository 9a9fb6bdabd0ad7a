"""The softmax of each row over the other rows of its group, where processes share the rows."""

from collections.abc import Iterator

import torch
from torch import Tensor

from gnnclr.ops.group_softmax import GroupSoftmax
from gnnclr.ops.processes.own_rows import OwnRows
from gnnclr.ops.tiles import slices, tile_size


class SharedGroupSoftmax(GroupSoftmax):
    """A :class:`GroupSoftmax` that compares own rows alone with their groups. What sums over pairs give is told to all,
    and messages are those of own rows, zero for others; the gradient by the scale is this process's part of the mean
    over processes.

    Args:
        x (Tensor): Rows of all processes [n, d].
        group (Tensor): The group of each row [n], integer.
        scale (float): The factor of similarities, an inverse temperature.
        rows (OwnRows): The rows of this process.
    """

    def __init__(self, x: Tensor, group: Tensor, scale: float, rows: OwnRows):
        self._rows: OwnRows = rows
        self._places: Tensor | None = None
        super().__init__(x, group, scale)

    def _log_means(self, pivot: Tensor) -> Tensor:
        total = torch.zeros_like(pivot)
        for rows, cols, s in self._own_tiles():
            total[rows] += self._of_own(s.sub_(pivot[rows].unsqueeze(1)).expm1_(), rows, cols).sum(dim=1)
        log_mean = self._unsort(pivot + (total / self._others).log1p())
        return self._rows.whole(log_mean[self._rows.index])[self._order]

    def _largest(self) -> Tensor:
        high = self._x.new_full((self._x.size(0),), float("-inf"))
        for rows, cols, s in self._own_tiles():
            high[rows] = torch.maximum(high[rows], self._of_own(s, rows, cols, float("-inf")).amax(dim=1))
        return high.masked_fill_(high == float("-inf"), 0)

    def _messages(self, a: Tensor, b: Tensor, by_scale: bool) -> tuple[Tensor, Tensor]:
        out, slope = torch.zeros_like(self._x), self._x.new_zeros(())
        for rows, cols, s in self._own_tiles():
            u = (s - self._log_mean[rows].unsqueeze(1)).expm1_().mul_(a[rows].unsqueeze(1))
            u.add_((s - self._log_mean[cols]).expm1_().mul_(a[cols])).sub_(b[rows].unsqueeze(1)).sub_(b[cols])
            out[rows] += self._of_own(u, rows, cols) @ self._x[cols]
            if by_scale:
                slope += s.mul_(u).sum() / 2  # every pair is seen from both of its sides
        return out, slope * self._rows.world

    @property
    def _own(self) -> Tensor:
        """Where own rows stand among those that are sorted: on the CPU, so that bounds of tiles wait for nothing."""
        if self._places is None:
            self._places = self._rows.mask[self._order].nonzero().view(-1).cpu()
        return self._places

    def _own_tiles(self) -> Iterator[tuple[Tensor, slice, Tensor]]:
        """Own rows, columns that hold their groups, and logits less the scale."""
        own, size = self._own, tile_size(self._x)
        for part in slices(own.numel(), max(1, size // self._rows.world)):
            rows, groups = own[part].to(self._x.device), self._number[own[part]]
            first = int(torch.searchsorted(self._number, groups[0]))
            last = int(torch.searchsorted(self._number, groups[-1], right=True))
            for cols in slices(last, 4 * size, first):
                yield rows, cols, self._logits(rows, cols)

    def _of_own(self, tile: Tensor, rows: Tensor, cols: slice, value: float = 0.0) -> Tensor:
        """Writes ``value`` where a tile has rows of two groups, or a row with itself, in place."""
        tile.masked_fill_(self._group[rows].unsqueeze(1) != self._group[cols], value)
        with_themselves = torch.arange(cols.start, cols.stop, device=rows.device) == rows.unsqueeze(1)
        return tile.masked_fill_(with_themselves, value)
