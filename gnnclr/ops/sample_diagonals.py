"""Pairs of views of one sample, where views are stacked one after the other."""

import torch
from torch import Tensor


class SampleDiagonals:
    r"""Excludes the pairs of views of one sample, as :class:`~gnnclr.ops.exclusion.Exclusion` does for any groups.

    View :math:`v` of sample :math:`i` is row :math:`v n + i`, so these pairs are every :math:`n`-th diagonal of the
    matrix of similarities: where they lie in a tile is arithmetic, and nothing is looked up or waited for.

    Args:
        n (int): The number of samples.
        first (int, optional): The row of the whole matrix that row 0 of the tiles is, where queries are some of all.
            (default: ``0``)
    """

    def __init__(self, n: int, first: int = 0):
        self.n: int = n
        self.first: int = first

    def covers(self, rows: slice, cols: slice) -> bool:
        """Whether every pair of the tile is excluded."""
        return False

    def entries(self, tile: Tensor, rows: slice, cols: slice) -> Tensor:
        """The excluded entries of a tile where each row has one [rows]; a view."""
        return torch.diagonal(tile, (self.first + rows.start - cols.start) % self.n)

    def mask_(self, tile: Tensor, rows: slice, cols: slice, value: float | Tensor) -> Tensor:
        """Writes ``value`` to the excluded entries of ``tile`` = similarities[rows, cols], in place: a number, or one
        for each row, where each row has one such entry."""
        (height, width), top = tile.shape, self.first + rows.start
        if not (height % self.n or width % self.n or top % self.n or cols.start % self.n):  # whole views
            tile.view(height // self.n, self.n, width // self.n, self.n).diagonal(0, 1, 3)[...] = value
            return tile
        first = 1 - height + (top - cols.start + height - 1) % self.n  # the lowest diagonal in the tile
        for offset in range(first, width, self.n):
            torch.diagonal(tile, offset)[...] = value
        return tile
