"""The pairs inside contrast_views that are classified by themselves: loss and gradients in one walk over tiles."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gnnclr.ops.processes.joined_rows import JoinedRows
from gnnclr.ops.tiles import lend_tile, tile_in, tile_size


class SigmoidPairs:
    r"""All pairs of two views, with the logits :math:`x_{ij} = \kappa\, \mathbf{a}_i^\top \mathbf{b}_j + b`, in tiles:
    the loss :math:`\frac{1}{n} \sum_{ij} \operatorname{softplus}(-y_{ij} x_{ij})`, where :math:`y_{ij}` is one for the
    views of a sample and minus one for others.

    A pair needs no other pair, so a tile is finished while it is there: three matrix products in all. Of several
    processes each takes its own rows of the first view against all of the second, whose gradient goes back to their
    processes.

    Args:
        rows (Tensor): Unit rows, view after view [2 n, d].
        scale (float or Tensor): The factor of similarities :math:`\kappa`.
        bias (float or Tensor): The bias :math:`b`.
        wanted (bool): Whether the gradient is.
        joined (JoinedRows, optional): The rows of the second view of all processes. (default: ``None``)

    Attributes:
        loss (Tensor): The loss; with ``joined`` the number of samples is that of a process on average.
        by_bias (Tensor, optional): The gradient by a bias that is a tensor, if it is wanted.
    """

    def __init__(
        self,
        rows: Tensor,
        scale: float | Tensor,
        bias: float | Tensor,
        wanted: bool,
        joined: JoinedRows | None = None,
    ):
        n = rows.size(0) // 2
        self.joined: JoinedRows | None = joined
        self.a: Tensor = rows[:n]
        self.b: Tensor = rows[n:] if joined is None else joined.rows
        #: The row of the second view that belongs to the first one of the first.
        self.first: int = 0 if joined is None else joined.own.start
        count = n if joined is None else joined.rows_each
        self.number: float = scale if isinstance(scale, float) else 1.0
        #: Rows of the first view, times the scale where that is no number.
        self.scaled: Tensor = self.a if isinstance(scale, float) else self.a * scale
        self.bias: Tensor = (
            bias.detach().to(rows.dtype).view(()) if isinstance(bias, Tensor) else rows.new_full((), bias)
        )
        self.loss: Tensor = rows.new_zeros(())
        self.by_bias: Tensor | None = rows.new_zeros(bias.shape) if wanted and isinstance(bias, Tensor) else None
        if wanted:
            self._gradient, self._factor = torch.empty_like(rows), scale / count
            to_a = self._gradient[:n]
            self._to_b: Tensor = self._gradient[n:] if joined is None else torch.zeros_like(self.b)
        for some, cols, x, positive, other in self._tiles():
            self.loss += softplus(x, threshold=50.0, out=other).sum()
            if wanted:
                slope = x.sigmoid_()
                positive.neg_()
                if self.by_bias is not None:
                    self.by_bias += slope.sum() / count
                to_a[some].addmm_(slope, self.b[cols], beta=int(cols.start > 0))
                self._to_b[cols].addmm_(slope.t(), self.a[some], beta=int(some.start > 0))
        self.loss /= count

    @classmethod
    def of(
        cls,
        rows: Tensor,
        num_views: int,
        scale: float | Tensor,
        bias: float | Tensor,
        wanted: bool,
        joined: JoinedRows | None,
    ) -> "SigmoidPairs":
        """The pairs of rows, those of two views one after the other. Of several processes this one may have no
        sample."""
        return cls(rows, scale, bias, wanted, joined)

    @staticmethod
    def suits(x: Tensor, num_views: int, n: int, tau: float | None, joined: bool) -> bool:
        """Whether this is as fast as the general way, see :class:`~gnnclr.ops.contrast.pairs.Pairs`: of more than two
        views it does nothing."""
        return num_views == 2

    @staticmethod
    def join(x: Tensor, num_views: int, sizes: list[int]) -> JoinedRows:
        """The rows of all processes that own rows of the first view are compared with: those of the second."""
        return JoinedRows(x[x.size(0) // 2 :], sizes)

    def _tiles(self) -> Iterator[tuple[slice, slice, Tensor, Tensor, Tensor]]:
        """Rows, columns and logits of tiles, where those of views of a sample, a view of the tile, have the other sign;
        and memory of their shape."""
        n, m, size = self.a.size(0), self.b.size(0), tile_size(self.a)
        height, width = max(min(size, n), 1), min(2 * size, m)
        _loan, memory = lend_tile(self.a, 2 * height, width)
        for top in range(0, n, height):
            for left in range(0, m, width):
                rows, cols = slice(top, min(top + height, n)), slice(left, min(left + width, m))
                x, other = tile_in(memory, 2 * (rows.stop - top), cols.stop - left).chunk(2)
                torch.addmm(self.bias, self.scaled[rows], self.b[cols].t(), alpha=self.number, out=x)
                yield rows, cols, x, x.diagonal(self.first + top - left).neg_(), other

    def gradient(self) -> Tensor:
        """The gradient by unit rows [2 n, d]; once."""
        if self.joined is not None:
            self._gradient[self.a.size(0) :] = self.joined.bring_home(self._to_b)
        return self._gradient.mul_(self._factor)
