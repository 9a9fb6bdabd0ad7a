"""Softmax messages in a single pass, where the weight of a query follows from its own log-sum-exp."""

from collections.abc import Callable

import torch
from torch import Tensor

from gnnclr.ops.exclusion import Exclusion
from gnnclr.ops.sample_diagonals import SampleDiagonals
from gnnclr.ops.tiles import LEAST, LOG2_E, SAFE_RANGE, lend_tile, scaled_product, slices
from gnnclr.ops.value_only import value_only

#: Entries of a tile, which holds whole rows of the similarity matrix: 8 MB in float32, 256 MB on a GPU.
TILE_ENTRIES = {"cpu": 1 << 21, "cuda": 1 << 26}
#: Of fewer rows the matrix products are slow: then a tile has up to twice the entries.
MANY_ROWS = 512
#: Fewer rows would leave the matrix products too thin.
MIN_ROWS = 32


class RowSweep:
    r"""The row softmax and its messages in one walk over tiles of whole rows: three matrix products in all.

    The other engines return the log-sum-exp first and take weights later, so they compute similarities twice. Where
    :math:`w_i` is a function of :math:`\ell_i` alone, a tile can be finished while it is there.

    Args:
        q (Tensor): Queries [n, d].
        k (Tensor): Keys [m, d].
        exclusion (Exclusion or SampleDiagonals): The pairs that take no part.
        scale (float): The factor of similarities.
        weigh (callable, optional): The weights :math:`w` of a slice of queries, from their log-sum-exp; without it
            there are no messages. (default: ``None``)
        safe (bool, optional): Whether no exponent can over- or underflow. (default: ``None``, by a look at the rows)
        out (tuple, optional): Where messages are written to [n, d] and [m, d]. (default: ``None``, new memory)
    """

    def __init__(
        self,
        q: Tensor,
        k: Tensor,
        exclusion: Exclusion | SampleDiagonals,
        scale: float | Tensor,
        weigh: Callable[[Tensor, slice], Tensor] | None = None,
        safe: bool | None = None,
        out: tuple[Tensor, Tensor] | None = None,
    ):
        n, m = q.size(0), k.size(0)
        self.q: Tensor = q
        self.k: Tensor = k
        self.exclusion: Exclusion | SampleDiagonals = exclusion
        self.scale: float | Tensor = scale
        self.shifted: bool = not (self._safe(q, k, scale) if safe is None else safe)
        self.lse: Tensor = q.new_empty(n) if m else q.new_full((n,), float("-inf"))
        new = torch.empty_like if n and m else torch.zeros_like
        to_q, to_k = (None, None) if weigh is None or value_only() else out or (new(q), new(k))
        self.to_q: Tensor | None = to_q
        self.to_k: Tensor | None = to_k
        height = self.height(k)
        _loan, memory = lend_tile(q, min(height, n), m)
        for rows in slices(n, height) if m else ():
            e, total = self._exponentials(rows, memory)
            if weigh is not None and self.to_q is not None:
                share = weigh(self.lse[rows], rows).div_(total.clamp_(min=LEAST)).unsqueeze(1)
                torch.mm(e, k, out=self.to_q[rows]).mul_(share)
                self.to_k.addmm_(e.t(), q[rows] * share, beta=int(rows.start > 0))

    def _exponentials(self, rows: slice, memory: Tensor) -> tuple[Tensor, Tensor]:
        """The tile of some rows and its sums; writes their log-sum-exp."""
        unit, pivot = 1.0 if self.shifted else LOG2_E, None
        e = scaled_product(self.q[rows], self.k, self.scale * unit, memory)
        self.exclusion.mask_(e, rows, slice(0, self.k.size(0)), value=float("-inf"))
        if self.shifted:
            high = e.amax(dim=1)
            pivot = high.masked_fill_(high == float("-inf"), 0)
            e.sub_(pivot.unsqueeze(1))
        total = (e.exp_() if self.shifted else e.exp2_()).sum(dim=1)
        lse = torch.log(total, out=self.lse[rows])
        if pivot is not None:
            lse.add_(pivot)
        return e, total

    @staticmethod
    def height(k: Tensor) -> int:
        """Rows of a tile against the keys."""
        entries, m = _entries(k), max(k.size(0), 1)
        return max(MIN_ROWS, entries // m, min(2 * entries // m, MANY_ROWS))

    @staticmethod
    def worthwhile(k: Tensor, m: int | None = None) -> bool:
        """Whether tiles of whole rows stay small, against the keys or ``m`` of their kind."""
        return (k.size(0) if m is None else m) <= 2 * _entries(k) // MIN_ROWS

    @staticmethod
    def _safe(q: Tensor, k: Tensor, scale: float) -> bool:
        """Whether no exponent can over- or underflow, so that none need be shifted."""
        if not q.numel() or not k.numel():
            return True
        return scale * float(q.norm(dim=1).amax() * k.norm(dim=1).amax()) < SAFE_RANGE / 2


def _entries(x: Tensor) -> int:
    return TILE_ENTRIES.get(x.device.type, TILE_ENTRIES["cuda"])
