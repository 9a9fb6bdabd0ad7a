"""Softmax messages in a single pass, where the weight of a query follows from its own log-sum-exp."""

from collections.abc import Callable

import torch
from torch import Tensor

from gnnclr.ops.exclusion import Exclusion
from gnnclr.ops.sample_diagonals import SampleDiagonals
from gnnclr.ops.tiles import LEAST, LOG2_E, MEMORY, SAFE_RANGE, scaled_product, slices
from gnnclr.ops.value_only import value_only

#: Entries of a tile, which holds whole rows of the similarity matrix: 32 MB in float32, 256 MB on a GPU.
TILE_ENTRIES = {"cpu": 1 << 23, "cuda": 1 << 26}
#: Entries of a matrix that is one tile and one block.
SINGLE_ENTRIES = {"cpu": 1 << 21, "cuda": 1 << 26}
#: The most rows and columns of a block of a tile, of which exponentials are taken in cache.
BLOCK = {"cpu": 512, "cuda": 1 << 26}
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
        self.q, self.k, self.exclusion, self.scale = q, k, exclusion, scale
        self.shifted = not (self._safe(q, k, scale) if safe is None else safe)
        height, self.width = self.shape(n, k)
        self.lse = q.new_empty(n) if m else q.new_full((n,), float("-inf"))
        new = torch.empty_like if n and m else torch.zeros_like
        self.to_q, self.to_k = (None, None) if weigh is None or value_only() else out or (new(q), new(k))
        loan, entries = MEMORY.lend(q, min(height, n) * m), min(height, n) * m
        memory = q.new_empty(entries) if loan is None else loan.memory
        for rows in slices(n, height) if m else ():
            blocks, total = self._exponentials(rows, memory)
            if weigh is not None and self.to_q is not None:
                share = weigh(self.lse[rows], rows).div_(total.clamp_(min=LEAST))
                self._send(rows, blocks, share.unsqueeze(1))

    def _exponentials(self, rows: slice, memory: Tensor) -> tuple[list[tuple[slice, Tensor]], Tensor]:
        """Exponentials of some rows, in blocks, and their sums; writes their log-sum-exp."""
        blocks, sums, used, unit = [], [], 0, 1.0 if self.shifted else LOG2_E
        for cols in slices(self.k.size(0), self.width):
            e = scaled_product(self.q[rows], self.k[cols], self.scale * unit, memory[used:])
            used += e.numel()
            self.exclusion.mask_(e, rows, cols, value=float("-inf"))
            sums.append(e.amax(dim=1) if self.shifted else e.exp2_().sum(dim=1))
            blocks.append((cols, e))
        if self.shifted:
            high = torch.stack(sums).amax(dim=0)
            pivot = high.masked_fill(high == float("-inf"), 0)
            sums = [e.sub_(pivot.unsqueeze(1)).exp_().sum(dim=1) for _, e in blocks]
        total = sums[0] if len(sums) == 1 else torch.stack(sums).sum(dim=0)
        lse = torch.log(total, out=self.lse[rows])
        if self.shifted:
            lse.add_(pivot)
        return blocks, total

    def _send(self, rows: slice, blocks: list[tuple[slice, Tensor]], share: Tensor) -> None:
        """Messages of some rows, with the factors of their exponentials [rows, 1]."""
        to_rows, shared = self.to_q[rows], self.q[rows] * share
        for cols, e in blocks:
            to_rows.addmm_(e, self.k[cols], beta=int(cols.start > 0))
            self.to_k[cols].addmm_(e.t(), shared, beta=int(rows.start > 0))
        to_rows.mul_(share)

    @staticmethod
    def shape(n: int, k: Tensor) -> tuple[int, int]:
        """Rows of a tile against the keys, and columns of its blocks."""
        m = k.size(0)
        if n * m <= _on(SINGLE_ENTRIES, k):
            return max(1, n), max(1, m)
        return max(MIN_ROWS, min(_on(BLOCK, k), _on(TILE_ENTRIES, k) // max(m, 1))), _on(BLOCK, k)

    @staticmethod
    def worthwhile(k: Tensor, m: int | None = None) -> bool:
        """Whether tiles of whole rows stay small, against the keys or ``m`` of their kind."""
        return (k.size(0) if m is None else m) <= _on(SINGLE_ENTRIES, k) // MIN_ROWS

    @staticmethod
    def _safe(q: Tensor, k: Tensor, scale: float) -> bool:
        """Whether no exponent can over- or underflow, so that none need be shifted."""
        if not q.numel() or not k.numel():
            return True
        return scale * float(q.norm(dim=1).amax() * k.norm(dim=1).amax()) < SAFE_RANGE / 2


def _on(numbers: dict[str, int], x: Tensor) -> int:
    """The number for the device of a tensor."""
    return numbers.get(x.device.type, numbers["cuda"])
