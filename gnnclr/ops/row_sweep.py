"""Softmax messages in a single pass, where the weight of a query follows from its own log-sum-exp."""

from collections.abc import Callable

import torch
from torch import Tensor

from gnnclr.ops.exclusion import Exclusion
from gnnclr.ops.sample_diagonals import SampleDiagonals
from gnnclr.ops.tiles import LEAST, LOG2_E, MEMORY, SAFE_RANGE, scaled_product, slices
from gnnclr.ops.value_only import value_only

#: Entries of a tile, which holds whole rows of the similarity matrix: 8 MB in float32, 256 MB on a GPU.
TILE_ENTRIES = {"cpu": 1 << 21, "cuda": 1 << 26}
#: Fewer rows would leave the matrix products too thin.
MIN_ROWS = 32


class RowSweep:
    r"""The row softmax and its messages in one walk over blocks of whole rows: three matrix products in all.

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
        positives (bool, optional): Whether each query has one excluded key, which is its positive: it pulls as strongly
            as all other keys push together, and weights are a function of the ``gap`` by which the log-sum-exp is above
            its score. The exclusion finds it. (default: ``False``)
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
        positives: bool = False,
        out: tuple[Tensor, Tensor] | None = None,
    ):
        n, m = q.size(0), k.size(0)
        height = self.height(k)
        diagonals = exclusion if positives and isinstance(exclusion, SampleDiagonals) else None
        if positives and diagonals is None:
            raise ValueError(f"'exclusion' must be SampleDiagonals with 'positives' (got {type(exclusion).__name__})")
        self.gap = q.new_empty(n) if positives else None
        self.lse = q.new_empty(n) if m else q.new_full((n,), float("-inf"))
        new = torch.empty_like if n and m else torch.zeros_like
        self.to_q, self.to_k = (None, None) if weigh is None or value_only() else out or (new(q), new(k))
        shifted = not (self._safe(q, k, scale) if safe is None else safe)
        loan, everything = MEMORY.lend(q, min(height, n) * m), slice(0, m)
        buffer = q.new_empty(min(height, n) * m) if loan is None else loan.memory
        unit = 1.0 if shifted else LOG2_E
        for rows in slices(n, height) if m else ():
            e = scaled_product(q[rows], k, scale * unit, buffer)
            if diagonals is not None:
                torch.mul(diagonals.entries(e, rows, everything), -1 / unit, out=self.gap[rows])
            exclusion.mask_(e, rows, everything, value=float("-inf"))
            if shifted:
                high = e.amax(dim=1, keepdim=True)
                e.sub_(high.masked_fill_(high == float("-inf"), 0))
            total = (e.exp_() if shifted else e.exp2_()).sum(dim=1)
            lse = torch.log(total, out=self.lse[rows])
            if shifted:
                lse.add_(high.squeeze(1))
            if positives:
                self.gap[rows].add_(lse)
            if self.to_q is None:
                continue
            if positives:
                exclusion.mask_(e, rows, everything, value=-total)
            share = (weigh(self.gap[rows] if positives else lse, rows) / total.clamp_(min=LEAST)).unsqueeze(1)
            torch.mm(e, k, out=self.to_q[rows]).mul_(share)
            self.to_k.addmm_(e.t(), q[rows] * share, beta=int(rows.start > 0))

    @staticmethod
    def height(k: Tensor) -> int:
        """Rows of a tile against the keys."""
        return max(MIN_ROWS, _entries(k) // max(k.size(0), 1))

    @staticmethod
    def worthwhile(k: Tensor, m: int | None = None) -> bool:
        """Whether tiles of whole rows stay small, against the keys or ``m`` of their kind."""
        return (k.size(0) if m is None else m) <= _entries(k) // MIN_ROWS

    @staticmethod
    def _safe(q: Tensor, k: Tensor, scale: float) -> bool:
        """Whether no exponent can over- or underflow, so that none need be shifted."""
        if not q.numel() or not k.numel():
            return True
        return scale * float(q.norm(dim=1).amax() * k.norm(dim=1).amax()) < SAFE_RANGE / 2


def _entries(x: Tensor) -> int:
    return TILE_ENTRIES.get(x.device.type, TILE_ENTRIES["cuda"])
