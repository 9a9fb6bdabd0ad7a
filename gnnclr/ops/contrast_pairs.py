"""The pairs inside contrast_views: log-partitions and gradients by unit rows, tile by tile."""

import itertools
from typing import Any

import torch
from torch import Tensor

from gnnclr.ops.check import looks_at
from gnnclr.ops.processes.joined_rows import JoinedRows
from gnnclr.ops.row_sweep import RowSweep
from gnnclr.ops.sample_diagonals import SampleDiagonals
from gnnclr.ops.tiles import SAFE_RANGE, RowTiles, SymmetricTiles, tile_size

#: What rounding may add to the similarity of unit rows, and more.
ROUNDING = 1.001


class ViewPairs:
    """All views of other samples repel.

    Args:
        z (Tensor): Unit rows [V, n, d].
        scale (float or Tensor): The factor of similarities.
        wanted (bool): Whether the gradient is.
        joined (JoinedRows, optional): The rows of all processes; those of others repel too. (default: ``None``)
    """

    #: The first of the views that other processes need.
    first_joined = 0

    def __init__(self, z: Tensor, scale: float | Tensor, wanted: bool, joined: JoinedRows | None = None):
        num_views, n, _ = z.shape
        self.z, self.scale, self.joined = z, scale, joined
        rows, self.symmetric = z.flatten(0, 1), _safe(scale)
        if joined is not None:  # first, as these are more exponentials to keep in the memory that is lent
            joined.compare(rows, scale, shifted=not self.symmetric, keep=wanted)
        self.tiles: Any
        if self.symmetric:
            self.tiles = SymmetricTiles(rows, rows, SampleDiagonals(n), scale, keep=wanted)
        else:
            self.tiles = RowTiles(rows, rows, SampleDiagonals(n), scale)
        if joined is not None:
            self.tiles.add(joined.total)
        #: The pairs of views, and the anchors of each, which are both.
        self.pairs = list(itertools.combinations(range(num_views), 2))
        self.ends = [slice(a, b + 1, b - a) for a, b in self.pairs]
        self.lse = self.tiles.lse.view(num_views, n)
        score = torch.stack([torch.linalg.vecdot(self.z[a], self.z[b]) for a, b in self.pairs]).mul_(scale)
        #: How much the log-partition of an anchor is above the score of its positive.
        self.gap = torch.stack([self.lse[ends] for ends in self.ends]) - score.unsqueeze(1)
        #: What the sum over them is divided by: their number, or that of a process on average.
        self.count = 2 * len(self.pairs) * (n if joined is None else joined.rows_each / num_views)

    @staticmethod
    def suits(x: Tensor, num_views: int, n: int, tau: float | None, joined: bool) -> bool:
        """Whether this is as fast as the general way: on a CPU fused kernels are faster where tiles take maxima, but
        they need to know where pairs are excluded, and of several processes they take as long.

        Args:
            x (Tensor): Rows of the type of the views.
            num_views (int): The number of views.
            n (int): The number of samples.
            tau (float, optional): The temperature, where it is known.
            joined (bool): Whether the samples are those of several processes.
        """
        return num_views * n <= tile_size(x) or tau is None or _safe(1 / tau) or joined or not looks_at(x)

    def gradient(self) -> Tensor:
        """The gradient by unit rows [V n, d]."""
        pull = torch.sigmoid(self.gap).mul_(self.scale / self.count)
        push = pull[0]
        if len(self.ends) > 1:
            push = torch.zeros_like(self.lse)
            for ends, part in zip(self.ends, pull):
                push[ends].add_(part)
        push = push.view(-1)
        if self.symmetric:
            gradient = self.tiles.message(push)
        else:
            to_q, to_k = self.tiles.messages(push)
            gradient = to_q.add_(to_k)
        if self.joined is not None:
            gradient.add_(self.joined.message(self.tiles.shares(push)))
        of_view = gradient.view_as(self.z)
        for (a, b), weight in zip(self.pairs, pull.sum(dim=1).unsqueeze(2).unbind()):
            of_view[a].addcmul_(weight, self.z[b], value=-1)
            of_view[b].addcmul_(weight, self.z[a], value=-1)
        return gradient


class KeyPairs:
    """Keys of other queries repel; with the arguments of :class:`ViewPairs`."""

    first_joined = 1

    def __init__(self, z: Tensor, scale: float | Tensor, wanted: bool, joined: JoinedRows | None = None):
        (q, k), n = z.unbind(), z.size(1)
        keys, first = (k, 0) if joined is None else (joined.rows, joined.own.start)
        self.count, self.out, options = n if joined is None else joined.rows_each, None, {}
        if wanted:
            self.out, share = torch.empty_like(z), scale / self.count
            to_k = self.out[1] if joined is None else torch.zeros_like(keys)
            options = {"weigh": lambda gap, rows: gap.sigmoid().mul_(share), "out": (self.out[0], to_k)}
        diagonals = SampleDiagonals(keys.size(0), first)
        self.gap = RowSweep(q, keys, diagonals, scale, safe=_safe(scale), positives=True, **options).gap
        if wanted and joined is not None:
            self.out[1] = joined.bring_home(to_k)

    @staticmethod
    def suits(x: Tensor, num_views: int, n: int, tau: float | None, joined: bool) -> bool:
        """Whether this is as fast as the general way; with the arguments of :meth:`ViewPairs.suits`."""
        return num_views == 2 and RowSweep.worthwhile(x, n)

    def gradient(self) -> Tensor:
        """The gradient by queries and keys [2 n, d]."""
        return self.out.flatten(0, 1)


PAIRS = {"views": ViewPairs, "keys": KeyPairs}


def _safe(scale: float | Tensor) -> bool:
    """Whether no exponent can over- or underflow: the similarity of unit rows is one at most."""
    return isinstance(scale, float) and 2 * scale * ROUNDING < SAFE_RANGE
