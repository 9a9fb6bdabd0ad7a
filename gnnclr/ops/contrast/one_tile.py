"""The pairs inside contrast_views where all of them are one tile, as in small batches: the fewest operations."""

import math

import torch
from torch import Tensor

from gnnclr.ops.tiles import FEW, LOG2_E, lend_tile, single_tile, tile_in, tile_size

#: What the logarithm of a sum of exponentials over another exponential may be: float32 ends above 88.
LARGEST = 87.0


class OneTile:
    r"""Exponentials :math:`e_{ij}` of all pairs of two sides, in one tile. With :math:`r_i` the sum over negatives and
    :math:`e_{ip}` the positive, the loss of a pair is :math:`\log(1 + r_i / e_{ip})`; its gradient by the score of a
    negative is :math:`e_{ij} a_i` with the share :math:`a_i = 1 / (r_i + e_{ip})`, and by that of the positive
    :math:`-r_i a_i`, which is written into the tile.

    Args:
        rows (Tensor): Unit rows, view after view [V n, d].
        n (int): The number of samples.
        scale (float): The factor of similarities.
        wanted (bool): Whether the gradient is.

    Attributes:
        loss (Tensor): The mean over anchors and their positives.
    """

    #: Whether a side has the rows of all views.
    joins_views = False
    #: Scores have no bias.
    by_bias: Tensor | None = None

    def __init__(self, rows: Tensor, n: int, scale: float, wanted: bool):
        q, k, count = self.sides(rows, n)
        self.q: Tensor = q
        self.k: Tensor = k
        height, width = self.q.size(0), self.k.size(0)
        if height * width > FEW:
            self._loan, memory = lend_tile(rows, height, width)
            memory = tile_in(memory, height, width)
        else:
            memory = rows.new_empty(height, width)
        #: Exponentials, those of one sample zero.
        self.tile: Tensor = memory.addmm_(self.q, self.k.t(), beta=0, alpha=scale * LOG2_E).exp2_()
        #: Those of one sample in the tile; a view.
        self.own: Tensor = self.pairs(n)
        positive = self.positives()
        self.own.fill_(0.0)
        self.total: Tensor = self.totals()
        self.loss: Tensor = (self.total / positive).log1p_().sum().div_(count)
        if wanted:
            #: The share of each anchor, and where it has several positives of each of them.
            self.share: Tensor = (positive + self.total).reciprocal_()
            #: The gradient over what shares say.
            self.factor: float = scale / count

    @classmethod
    def suits(cls, rows: Tensor, n: int, scale: float | Tensor) -> bool:
        """Whether all pairs of views are a tile, and no exponential or sum of them is beyond float32."""
        most = rows.size(0) if cls.joins_views else n
        return most <= single_tile(rows) and isinstance(scale, float) and 2 * scale + math.log(most) < LARGEST

    def sides(self, rows: Tensor, n: int) -> tuple[Tensor, Tensor, int]:
        """The rows and the columns of the tile [n, d], and the number of positives of all anchors."""
        raise NotImplementedError

    def pairs(self, n: int) -> Tensor:
        """The entries of pairs of one sample, a view."""
        return self.tile.diagonal()

    def positives(self) -> Tensor:
        """Exponentials of positives."""
        return self.own.clone()

    def totals(self) -> Tensor:
        """Sums over the negatives of each anchor, as they lie beside its positives."""
        raise NotImplementedError

    def gradient(self) -> Tensor:
        """The gradient by unit rows [V n, d]; once."""
        raise NotImplementedError

    def weigh(self, of_rows: Tensor, of_cols: Tensor) -> None:
        """Multiplies exponentials by the shares of both sides, a part of the tile at a time which stays in cache."""
        of_rows, size = of_rows.unsqueeze(1), max(1, tile_size(self.tile) // 2)
        for i in range(0, self.tile.size(0), size):
            self.tile[i : i + size].mul_(of_rows[i : i + size] + of_cols)


class KeyTile(OneTile):
    """Rows of the first view are anchors."""

    def sides(self, rows: Tensor, n: int) -> tuple[Tensor, Tensor, int]:
        """See :class:`OneTile`."""
        q, k = rows.chunk(2)
        return q, k, n

    def totals(self) -> Tensor:
        """See :class:`OneTile`."""
        return self.tile.sum(1)

    def gradient(self) -> Tensor:
        """See :class:`OneTile`."""
        torch.neg(self.total, out=self.own)
        share, out = self.share.unsqueeze(1), self.q.new_empty(2, *self.q.shape)
        to_q, to_k = out.unbind()
        to_q.addmm_(self.tile, self.k, beta=0, alpha=self.factor).mul_(share)
        to_k.addmm_(self.tile.t(), self.q * share, beta=0, alpha=self.factor)
        return out.flatten(0, 1)


class TowerTile(OneTile):
    """Rows of both views are anchors, and rows of the other view repel."""

    def sides(self, rows: Tensor, n: int) -> tuple[Tensor, Tensor, int]:
        """See :class:`OneTile`."""
        q, k = rows.chunk(2)
        return q, k, 2 * n

    def totals(self) -> Tensor:
        """See :class:`OneTile`."""
        return torch.stack([self.tile.sum(1), self.tile.sum(0)])

    def gradient(self) -> Tensor:
        """See :class:`OneTile`."""
        self.weigh(*self.share)
        torch.neg(self.share.mul_(self.total).sum(0), out=self.own)
        to_q, to_k = (out := self.q.new_empty(2, *self.q.shape))
        to_q.addmm_(self.tile, self.k, beta=0, alpha=self.factor)
        to_k.addmm_(self.tile.t(), self.q, beta=0, alpha=self.factor)
        return out.flatten(0, 1)


class ViewTile(OneTile):
    """Rows of all views are anchors, and all views of other samples repel."""

    joins_views = True

    def sides(self, rows: Tensor, n: int) -> tuple[Tensor, Tensor, int]:
        """See :class:`OneTile`."""
        return rows, rows, rows.size(0) * (rows.size(0) // n - 1)

    def pairs(self, n: int) -> Tensor:
        """The entries of two views of a sample [V, V, n]."""
        views = self.tile.size(0) // n
        return self.tile.view(views, n, views, n).diagonal(0, 1, 3)

    def positives(self) -> Tensor:
        """Exponentials of two views of a sample [V, V, n], infinite for a view and itself: it has no part then."""
        positive = self.own.clone()
        positive.diagonal().fill_(math.inf)
        return positive

    def totals(self) -> Tensor:
        """Sums over negatives [V, 1, n]."""
        return self.tile.sum(1).view(self.own.size(0), 1, -1)

    def gradient(self) -> Tensor:
        """See :class:`OneTile`."""
        share = self.share.sum(1).view(-1)
        self.weigh(share, share)
        pull = self.share.mul_(self.total)
        torch.add(pull, pull.transpose(0, 1), out=self.own).neg_()
        return self.q.new_empty(self.q.shape).addmm_(self.tile, self.q, beta=0, alpha=self.factor)
