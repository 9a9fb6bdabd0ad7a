"""Softmax messages by tiles of the similarity matrix: public torch operations only, linear memory."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from gnnclr.ops.exclusion import Exclusion
from gnnclr.ops.value_only import value_only
from gnnclr.ops.workspace import Scratch, Workspace

#: Exponents of one sign are kept within this range of each other, half of what float32 can hold.
SAFE_RANGE = 80.0
#: Exponents that need no shift are taken to the base of two, which on a CPU is three times as fast.
LOG2_E = math.log2(math.e)
#: Sums of exponentials in that range, and of those shifted by their maximum, are larger where they are not zero.
LEAST = 1e-30

#: Where exponentials are kept while it is free, in float32 those of 4,096 queries and as many keys, or of 5,500 rows
#: among themselves; in float64 of 3,800.
MEMORY = Workspace(65 * 2**20)
#: Entries for which new memory costs nothing.
FEW = 1 << 16
#: Entries that are left out after each row of a tile whose length is a multiple of so many: rows that lie powers of two
#: apart take each other's place in cache, and products with the transposed tile take a fifth longer.
GAP, OF_LENGTH = 16, 256


def tile_size(x: Tensor) -> int:
    """Rows of a tile: in cache on a CPU, large enough to fill a GPU."""
    return 512 if x.device.type == "cpu" else 4096


def single_tile(x: Tensor) -> int:
    """The largest number of rows whose similarities are one tile, computed once and kept."""
    return 2 * tile_size(x)


def kept_entries(x: Tensor) -> int:
    """How many exponentials are kept for the messages, instead of computed twice, in new memory if ``MEMORY`` is not
    to be had: 16 MB on a CPU, 256 on a GPU."""
    return (2**22 if x.device.type == "cpu" else 2**26) * 4 // x.element_size()


def slices(n: int, size: int, start: int = 0) -> Iterator[slice]:
    """Consecutive slices of at most ``size`` that cover ``range(start, n)``."""
    return (slice(i, min(i + size, n)) for i in range(start, n, size))


def length(part: slice) -> int:
    """How many a slice takes."""
    return part.stop - part.start


def tile_entries(height: int, width: int) -> int:
    """The entries of memory that a tile takes, gaps between its rows included; no tile within it takes more."""
    return height * (width + GAP)


def lend_tile(like: Tensor, height: int, width: int) -> tuple[Scratch | None, Tensor]:
    """Memory for a tile [entries], of ``MEMORY`` while the loan lives that is returned with it, or new."""
    entries = tile_entries(height, width)
    loan = MEMORY.lend(like, entries) if entries > FEW else None
    return loan, like.new_empty(entries) if loan is None else loan.memory


def tile_in(memory: Tensor, height: int, width: int) -> Tensor:
    """The tile at the beginning of memory [height, width]."""
    step = width + (0 if width % OF_LENGTH else GAP)
    return memory[: height * step].view(height, step)[:, :width]


class SymmetricTiles:
    r"""The row softmax of a symmetric similarity matrix, by one walk over its upper triangle for the row sums and one
    for the messages.

    Every tile serves its rows and its columns, and no exponent is shifted, so one exponential serves both: with
    :math:`e_{ij} = \exp(s_{ij})` and row sums :math:`r_i`, the joint message has the symmetric weight
    :math:`e_{ij}(w_i / r_i + w_j / r_j)`. That makes two matrix products in all, or one and a half where exponentials
    of several tiles are few enough to be kept. Safe while :math:`2 \max_{ij} |s_{ij}|` lies within ``SAFE_RANGE``.
    ``keep=False`` says that no message will be asked for.
    """

    def __init__(self, q: Tensor, k: Tensor, exclusion: Exclusion, scale: float = 1.0, keep: bool = True):
        self.q: Tensor = q
        self.k: Tensor = k
        self.exclusion: Exclusion = exclusion
        self.scale: float = scale
        n = q.size(0)
        self.height: int = max(1, n if n <= single_tile(q) else tile_size(q))
        self.width: int = max(1, min(4 * self.height, n))  # the products run faster, on two threads by a third
        self._kept, kept, keep = [], [], keep and not value_only()
        if keep:
            entries = sum(tile_entries(length(rows), length(cols)) for rows, cols in self._places())
            loan = MEMORY.lend(q, entries)
            keep = loan is not None or entries <= kept_entries(q)
        self.row_sum: Tensor = q.new_zeros(n)
        for rows, cols, e in self._walk(loan and loan.memory) if keep else self._tiles():
            self.row_sum[rows].add_(e.sum(dim=1))
            beyond, own = self._beyond(rows, cols)
            if beyond.stop > beyond.start:
                self.row_sum[beyond].add_(e[:, own:].sum(dim=0))
            if keep:
                kept.append((rows, cols, e))
        if keep:
            self._kept.append((kept, loan))
        self.lse = self.row_sum.log()

    @staticmethod
    def safe(q: Tensor, k: Tensor, scale: float) -> bool:
        """Whether the norms of the rows keep all exponents in the safe range."""
        if q.numel() == 0:
            return True
        longest = q.norm(dim=1).amax()
        return 2 * scale * float(longest * (longest if k is q else k.norm(dim=1).amax())) < SAFE_RANGE

    def _tiles(self) -> Iterator[tuple[slice, slice, Tensor]]:
        """The tiles that were kept, at the first call; otherwise new ones, one after the other in one place."""
        try:
            kept, _loan = self._kept.pop()
        except IndexError:
            memory = self.q.new_empty(tile_entries(self.height, self.width))
            yield from self._walk(memory, side_by_side=False)
        else:
            yield from kept

    def _places(self) -> Iterator[tuple[slice, slice]]:
        """The rows and columns of the tiles of the upper triangle."""
        n = self.q.size(0)
        for rows in slices(n, self.height):
            for cols in slices(n, self.width, rows.start):
                if not self.exclusion.covers(rows, cols):
                    yield rows, cols

    def _walk(self, memory: Tensor | None, side_by_side: bool = True) -> Iterator[tuple[slice, slice, Tensor]]:
        """New tiles of the upper triangle, in ``memory`` or, without it, each in memory of its own."""
        used = 0
        for rows, cols in self._places():
            size = tile_entries(length(rows), length(cols))
            out = self.q.new_empty(size) if memory is None else memory[used:]
            e = scaled_product(self.q[rows], self.k[cols], self.scale * LOG2_E, out).exp2_()
            used += size if side_by_side else 0
            yield rows, cols, self.exclusion.mask_(e, rows, cols, value=0.0)

    def add(self, total: Tensor) -> None:
        """Says that each row has further keys, by the sums of their exponentials [n]."""
        self.lse: Tensor = self.row_sum.add_(total).log()

    def shares(self, weight: Tensor) -> Tensor:
        r"""The shares :math:`w_i / r_i` of anchors [n]."""
        return weight / self.row_sum.clamp(min=LEAST)

    def message(self, weight: Tensor) -> Tensor:
        r"""The joint message :math:`\sum_j (w_i P_{ij} + w_j P_{ji}) \mathbf{k}_j` [n, d]."""
        share = self.shares(weight)
        out = torch.zeros_like(self.k)
        few = min(self.height, tile_size(out) // 2)  # whose shares stay in cache
        buffer = self.q.new_empty(few * self.width)
        for rows, cols, e in self._tiles():
            of_rows, of_cols = share[rows].unsqueeze(1), share[cols]
            for start in range(0, e.size(0), few):
                some = e[start : start + few]
                shares = buffer[: some.numel()].view(some.shape)
                some.mul_(torch.add(of_rows[start : start + few], of_cols, out=shares))
            out[rows].addmm_(e, self.k[cols])
            beyond, own = self._beyond(rows, cols)
            if beyond.stop > beyond.start:
                out[beyond].addmm_(e[:, own:].t(), self.k[rows])
        return out

    @staticmethod
    def _beyond(rows: slice, cols: slice) -> tuple[slice, int]:
        """The columns of a tile that are none of its rows, and where they start in the tile: what a pair gives to its
        column. The block on the diagonal has each pair twice already."""
        start = max(cols.start, rows.stop)
        return slice(start, cols.stop), start - cols.start


class RowTiles:
    r"""The row softmax of any similarity matrix by blocks of rows, with running maxima, so that no temperature under-
    or overflows.

    Four matrix products in all: similarities twice (once, where one tile holds them all), and one for each message.
    """

    def __init__(self, q: Tensor, k: Tensor, exclusion: Exclusion, scale: float = 1.0):
        self.q: Tensor = q
        self.k: Tensor = k
        self.exclusion: Exclusion = exclusion
        self.scale: float = scale
        self._kept = None
        high = q.new_full((q.size(0),), float("-inf"))
        total = q.new_zeros(q.size(0))
        for rows, cols, s in self._tiles():
            old, new = high[rows], torch.maximum(high[rows], s.amax(dim=1))
            pivot = new.masked_fill(new == float("-inf"), 0)
            if rows.stop - rows.start == q.size(0) and cols.stop - cols.start == k.size(0):
                self._kept = s.clone()
            total[rows] = total[rows] * (old - pivot).exp() + s.sub_(pivot.unsqueeze(1)).exp_().sum(dim=1)
            high[rows] = new
        self.lse = high + total.log()

    def _tiles(self) -> Iterator[tuple[slice, slice, Tensor]]:
        if self._kept is not None:
            yield slice(0, self.q.size(0)), slice(0, self.k.size(0)), self._kept.clone()
            return
        size = tile_size(self.q)
        width = 16 * size  # wide tiles: the products run at full speed, and a tile stays at 16 MB
        buffer = self.q.new_empty(tile_entries(min(size, self.q.size(0)), min(width, self.k.size(0))))
        for rows in slices(self.q.size(0), size):
            for cols in slices(self.k.size(0), width):
                if not self.exclusion.covers(rows, cols):
                    s = scaled_product(self.q[rows], self.k[cols], self.scale, buffer)
                    yield rows, cols, self.exclusion.mask_(s, rows, cols, value=float("-inf"))

    def add(self, total: Tensor) -> None:
        """Says that each row has further keys, by the logarithms of the sums of their exponentials [n]."""
        self.lse: Tensor = torch.logaddexp(self.lse, total)

    def shares(self, weight: Tensor) -> Tensor:
        r"""The logarithms of the shares :math:`w_i e^{-\ell_i}` of anchors [n]."""
        return weight.log() - self._finite_lse()

    def _finite_lse(self) -> Tensor:
        return self.lse.masked_fill(self.lse == float("-inf"), 0)

    def messages(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted messages to queries and keys."""
        to_q, to_k = torch.zeros_like(self.q), torch.zeros_like(self.k)
        lse = self._finite_lse()
        for rows, cols, s in self._tiles():
            p = s.sub_(lse[rows].unsqueeze(1)).exp_().mul_(weight[rows].unsqueeze(1))
            to_q[rows].addmm_(p, self.k[cols])
            to_k[cols].addmm_(p.t(), self.q[rows])
        return to_q, to_k


def scaled_product(q: Tensor, k: Tensor, scale: float | Tensor, out: Tensor) -> Tensor:
    r"""Similarities :math:`\kappa\, \mathbf{q} \mathbf{k}^\top` in a part of ``out``: fresh pages would cost more than
    the product. A factor that is a number costs nothing.

    Args:
        q (Tensor): Queries [n, d].
        k (Tensor): Keys [m, d].
        scale (float or Tensor): The factor :math:`\kappa`.
        out (Tensor): Memory of :func:`tile_entries` or more [entries].
    """
    out = tile_in(out, q.size(0), k.size(0))
    if isinstance(scale, Tensor):
        return torch.mm(q * scale, k.t(), out=out)
    return out.addmm_(q, k.t(), beta=0, alpha=scale)
