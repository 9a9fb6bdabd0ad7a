"""The pairs inside contrast_views that are classified by themselves: loss and gradients in one walk over tiles."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gnnclr.ops.tiles import MEMORY, tile_size


class SigmoidPairs:
    r"""All pairs of two views, with the logits :math:`x_{ij} = \kappa\, \mathbf{a}_i^\top \mathbf{b}_j + b`, in tiles:
    the loss :math:`\frac{1}{n} \sum_{ij} \operatorname{softplus}(-y_{ij} x_{ij})`, where :math:`y_{ij}` is one for the
    views of a sample and minus one for others.

    A pair needs no other pair, so a tile is finished while it is there: three matrix products in all.

    Args:
        rows (Tensor): Unit rows, view after view [2 n, d].
        scale (float or Tensor): The factor of similarities :math:`\kappa`.
        bias (float or Tensor): The bias :math:`b`.
        wanted (bool): Whether the gradient is.

    Attributes:
        loss (Tensor): The loss.
        by_bias (Tensor, optional): The gradient by a bias that is a tensor, if it is wanted.
    """

    def __init__(self, rows: Tensor, scale: float | Tensor, bias: float | Tensor, wanted: bool):
        a, b = rows.chunk(2)
        self.a: Tensor = a
        self.b: Tensor = b
        n = self.a.size(0)
        self.number: float = scale if isinstance(scale, float) else 1.0
        #: Rows of the first view, times the scale where that is no number.
        self.scaled: Tensor = self.a if isinstance(scale, float) else self.a * scale
        self.bias: Tensor = (
            bias.detach().to(rows.dtype).view(()) if isinstance(bias, Tensor) else rows.new_full((), bias)
        )
        self.loss: Tensor = rows.new_zeros(())
        self.by_bias: Tensor | None = rows.new_zeros(bias.shape) if wanted and isinstance(bias, Tensor) else None
        if wanted:
            self._gradient, self._factor = torch.empty_like(rows), scale / n
            to_a, to_b = self._gradient.chunk(2)
        for some, cols, x, positive, other in self._tiles():
            self.loss += softplus(x, threshold=50.0, out=other).sum()
            if wanted:
                slope = x.sigmoid_()
                positive.neg_()
                if self.by_bias is not None:
                    self.by_bias += slope.sum() / n
                to_a[some].addmm_(slope, self.b[cols], beta=int(cols.start > 0))
                to_b[cols].addmm_(slope.t(), self.a[some], beta=int(some.start > 0))
        self.loss /= n

    @classmethod
    def of(
        cls, rows: Tensor, num_views: int, scale: float | Tensor, bias: float | Tensor, wanted: bool, joined: None
    ) -> "SigmoidPairs":
        """The pairs of rows, those of two views one after the other."""
        return cls(rows, scale, bias, wanted)

    @staticmethod
    def suits(x: Tensor, num_views: int, n: int, tau: float | None, joined: bool) -> bool:
        """Whether this is as fast as the general way, see :class:`~gnnclr.ops.contrast.pairs.Pairs`: of several
        processes and of more than two views it does nothing."""
        return num_views == 2 and not joined

    @staticmethod
    def join(x: Tensor, num_views: int, sizes: list[int]) -> None:
        """Never called, as :meth:`suits` says."""

    def _tiles(self) -> Iterator[tuple[slice, slice, Tensor, Tensor, Tensor]]:
        """Rows, columns and logits of tiles, where those of views of a sample, a view of the tile, have the other sign;
        and memory of their shape."""
        n, size = self.a.size(0), tile_size(self.a)
        height, width = min(size, n), min(2 * size, n)
        loan = MEMORY.lend(self.a, 2 * height * width)
        memory = self.a.new_empty(2 * height * width) if loan is None else loan.memory
        for top in range(0, n, height):
            for left in range(0, n, width):
                rows, cols = slice(top, min(top + height, n)), slice(left, min(left + width, n))
                shape = 2, rows.stop - rows.start, cols.stop - cols.start
                x, other = memory[: 2 * shape[1] * shape[2]].view(shape).unbind()
                torch.addmm(self.bias, self.scaled[rows], self.b[cols].t(), alpha=self.number, out=x)
                yield rows, cols, x, x.diagonal(top - left).neg_(), other

    def gradient(self) -> Tensor:
        """The gradient by unit rows [2 n, d]; once."""
        return self._gradient.mul_(self._factor)
