"""Softmax messages in a single pass, where the weight of a query follows from its own log-sum-exp."""

from collections.abc import Callable

import torch
from torch import Tensor

from gnnclr.ops.exclusion import Exclusion
from gnnclr.ops.tiles import SAFE_RANGE, slices

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
        exclusion (Exclusion): The pairs that take no part.
        scale (float): The factor of similarities.
        weigh (callable, optional): The weights :math:`w` of a slice of queries, from their log-sum-exp; without it
            there are no messages. (default: ``None``)
        safe (bool, optional): Whether no exponent can over- or underflow. (default: ``None``, by a look at the rows)
    """

    def __init__(
        self,
        q: Tensor,
        k: Tensor,
        exclusion: Exclusion,
        scale: float | Tensor,
        weigh: Callable[[Tensor, slice], Tensor] | None = None,
        safe: bool | None = None,
    ):
        n, m = q.size(0), k.size(0)
        height = self.height(k)
        self.lse = q.new_full((n,), float("-inf"))
        self.to_q = self.to_k = None
        if weigh is not None:
            self.to_q, self.to_k = torch.zeros_like(q), torch.zeros_like(k)
        shifted = not (self._safe(q, k, scale) if safe is None else safe)
        buffer, everything = q.new_empty(min(height, n) * m), slice(0, m)
        for rows in slices(n, height) if m else ():
            size = rows.stop - rows.start
            e = torch.mm(q[rows] * scale, k.t(), out=buffer[: size * m].view(size, m))
            exclusion.mask_(e, rows, everything, value=float("-inf"))
            if shifted:
                high = e.amax(dim=1, keepdim=True)
                e.sub_(high.masked_fill_(high == float("-inf"), 0))
            total = e.exp_().sum(dim=1)
            lse = total.log()
            self.lse[rows] = lse + high.squeeze(1) if shifted else lse
            if weigh is None:
                continue
            share = torch.where(total > 0, weigh(self.lse[rows], rows) / total, 0).unsqueeze(1)
            torch.mm(e, k, out=self.to_q[rows]).mul_(share)
            self.to_k.addmm_(e.t(), q[rows] * share)

    @staticmethod
    def height(k: Tensor) -> int:
        """Rows of a tile against the keys."""
        return max(MIN_ROWS, _entries(k) // max(k.size(0), 1))

    @staticmethod
    def worthwhile(k: Tensor) -> bool:
        """Whether tiles of whole rows stay small."""
        return k.size(0) <= _entries(k) // MIN_ROWS

    @staticmethod
    def _safe(q: Tensor, k: Tensor, scale: float) -> bool:
        """Whether no exponent can over- or underflow, so that none need be shifted."""
        if not q.numel() or not k.numel():
            return True
        return scale * float(q.norm(dim=1).amax() * k.norm(dim=1).amax()) < SAFE_RANGE / 2


def _entries(x: Tensor) -> int:
    return TILE_ENTRIES.get(x.device.type, TILE_ENTRIES["cuda"])
