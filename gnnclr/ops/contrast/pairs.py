"""The pairs inside contrast_views: loss and gradients by unit rows, tile by tile."""

import itertools
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gnnclr.ops.check import looks_at
from gnnclr.ops.contrast.one_tile import KeyTile, OneTile, TowerTile, ViewTile
from gnnclr.ops.contrast.sigmoid_pairs import SigmoidPairs
from gnnclr.ops.processes.joined_rows import JoinedRows
from gnnclr.ops.row_sweep import RowSweep
from gnnclr.ops.sample_diagonals import SampleDiagonals
from gnnclr.ops.tiles import LEAST, SAFE_RANGE, RowTiles, SymmetricTiles, tile_size
from gnnclr.ops.two_side_tiles import TwoSideTiles

#: What rounding may add to the similarity of unit rows, and more.
ROUNDING = 1.001


class Pairs:
    """All pairs of views, in tiles; a subclass says which of them attract and which repel.

    Args:
        z (Tensor): Unit rows [V, n, d].
        scale (float or Tensor): The factor of similarities.
        wanted (bool): Whether the gradient is.
        joined (JoinedRows or tuple, optional): The rows of all processes, as :meth:`join` makes them; those of others
            repel too. (default: ``None``)

    Attributes:
        loss (Tensor): The mean over anchors and their positives, or with ``joined`` their sum over the number of a
            process on average.
    """

    #: The same pairs where all of them are one tile.
    one_tile: ClassVar[type[OneTile]]
    #: Scores have no bias.
    by_bias: Tensor | None = None

    def __init__(self, z: Tensor, scale: float | Tensor, wanted: bool, joined: Any = None):
        self.z: Tensor = z
        self.scale: float | Tensor = scale
        self.wanted: bool = wanted
        self.joined: Any = joined
        self.safe: bool = is_safe(scale)
        #: How much the log-partition of an anchor is above the score of its positive, and what their sum is divided by.
        gap, count = self.gaps()
        self.gap: Tensor = gap
        self.count: float = count
        self.loss: Tensor = softplus(self.gap, threshold=50.0).sum() / self.count

    @classmethod
    def of(
        cls, rows: Tensor, num_views: int, scale: float | Tensor, bias: None, wanted: bool, joined: Any
    ) -> "Pairs | OneTile":
        """The pairs of rows, view after view [V n, d]: in one tile, if that suits them. Of several processes this one
        may have no sample."""
        n = rows.size(0) // num_views
        if joined is None and cls.one_tile.suits(rows, n, scale):
            return cls.one_tile(rows, n, scale, wanted)
        return cls(rows.view(num_views, n, rows.size(1)), scale, wanted, joined)

    @staticmethod
    def suits(x: Tensor, num_views: int, n: int, tau: float | None, joined: bool) -> bool:
        """Whether this is as fast as the general way.

        Args:
            x (Tensor): Rows of the type of the views.
            num_views (int): The number of views.
            n (int): The number of samples.
            tau (float, optional): The temperature, where it is known.
            joined (bool): Whether the samples are those of several processes.
        """
        return num_views == 2

    @staticmethod
    def join(x: Tensor, num_views: int, sizes: list[int]) -> Any:
        """The rows of all processes that own rows are contrasted with.

        Args:
            x (Tensor): Own rows, of any length, view after view [V n, d].
            num_views (int): The number of views.
            sizes (list): Samples of each process.
        """
        raise NotImplementedError

    def gaps(self) -> tuple[Tensor, float]:
        """Log-partitions less scores of positives, and the number of positives of all anchors."""
        raise NotImplementedError

    def gradient(self) -> Tensor:
        """The gradient by unit rows [V n, d]; once."""
        raise NotImplementedError

    def pull(self) -> Tensor:
        """How much each positive attracts."""
        return torch.sigmoid(self.gap).mul_(self.scale / self.count)


class ViewPairs(Pairs):
    """All views of other samples repel."""

    one_tile: ClassVar[type[OneTile]] = ViewTile

    @staticmethod
    def suits(x: Tensor, num_views: int, n: int, tau: float | None, joined: bool) -> bool:
        """See :meth:`Pairs.suits`: on a CPU fused kernels are faster where tiles take maxima, but they need to know
        where pairs are excluded, and of several processes they take as long."""
        return tau is None or is_safe(1 / tau) or num_views * n <= tile_size(x) or joined or not looks_at(x)

    @staticmethod
    def join(x: Tensor, num_views: int, sizes: list[int]) -> JoinedRows:
        """See :meth:`Pairs.join`."""
        return JoinedRows(x, [num_views * size for size in sizes])

    def gaps(self) -> tuple[Tensor, float]:
        """See :meth:`Pairs.gaps`."""
        num_views, n, _ = self.z.shape
        rows, joined = self.z.flatten(0, 1), self.joined
        if joined is not None:  # first, as these are more exponentials to keep in the memory that is lent
            joined.compare(rows, self.scale, shifted=not self.safe, keep=self.wanted)
        self.tiles: Any
        if self.safe:
            self.tiles = SymmetricTiles(rows, rows, SampleDiagonals(n), self.scale, keep=self.wanted)
        else:
            self.tiles = RowTiles(rows, rows, SampleDiagonals(n), self.scale)
        if joined is not None:
            self.tiles.add(joined.total)
        #: The pairs of views, and the anchors of each, which are both.
        self.pairs: list[tuple[int, int]] = list(itertools.combinations(range(num_views), 2))
        self.ends: list[slice] = [slice(a, b + 1, b - a) for a, b in self.pairs]
        self.lse: Tensor = self.tiles.lse.view(num_views, n)
        score = torch.stack([torch.linalg.vecdot(self.z[a], self.z[b]) for a, b in self.pairs]).mul_(self.scale)
        gap = torch.stack([self.lse[ends] for ends in self.ends]) - score.unsqueeze(1)
        return gap, 2 * len(self.pairs) * (n if joined is None else joined.rows_each / num_views)

    def gradient(self) -> Tensor:
        """See :meth:`Pairs.gradient`."""
        pull = self.pull()
        push = pull[0]
        if len(self.ends) > 1:
            push = torch.zeros_like(self.lse)
            for ends, part in zip(self.ends, pull):
                push[ends].add_(part)
        push = push.view(-1)
        if self.safe:
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


class KeyPairs(Pairs):
    """Rows of the first view are anchors, and keys of others, in the second, repel."""

    one_tile: ClassVar[type[OneTile]] = KeyTile

    @staticmethod
    def suits(x: Tensor, num_views: int, n: int, tau: float | None, joined: bool) -> bool:
        """See :meth:`Pairs.suits`."""
        return num_views == 2 and RowSweep.worthwhile(x, n)

    @staticmethod
    def join(x: Tensor, num_views: int, sizes: list[int]) -> JoinedRows:
        """See :meth:`Pairs.join`: queries need keys alone."""
        return JoinedRows(x[x.size(0) // 2 :], sizes)

    def gaps(self) -> tuple[Tensor, float]:
        """See :meth:`Pairs.gaps`."""
        (q, k), n, joined = self.z.unbind(), self.z.size(1), self.joined
        keys, first, count = (k, 0, n) if joined is None else (joined.rows, joined.own.start, joined.rows_each)
        score, options = torch.linalg.vecdot(q, k).mul_(self.scale), {}
        if self.wanted:
            self.out: Tensor = torch.empty_like(self.z)
            share = self.scale / count
            self.to_keys: Tensor = self.out[1] if joined is None else torch.zeros_like(keys)
            options = {
                "weigh": lambda lse, rows: torch.sigmoid(lse - score[rows]).mul_(share),
                "out": (self.out[0], self.to_keys),
            }
        sweep = RowSweep(q, keys, SampleDiagonals(keys.size(0), first), self.scale, safe=self.safe, **options)
        return sweep.lse - score, count

    def gradient(self) -> Tensor:
        """See :meth:`Pairs.gradient`."""
        if self.joined is not None:
            self.out[1] = self.joined.bring_home(self.to_keys)
        (q, k), pull = self.z.unbind(), self.pull().unsqueeze(1)
        self.out[0].addcmul_(pull, k, value=-1)
        self.out[1].addcmul_(pull, q, value=-1)
        return self.out.flatten(0, 1)


class TowerPairs(Pairs):
    """Rows of both views are anchors, and rows of other samples in the other view repel."""

    one_tile: ClassVar[type[OneTile]] = TowerTile

    @staticmethod
    def join(x: Tensor, num_views: int, sizes: list[int]) -> tuple[JoinedRows, JoinedRows]:
        """See :meth:`Pairs.join`: the rows of each tower."""
        n = x.size(0) // 2
        return JoinedRows(x[:n], sizes), JoinedRows(x[n:], sizes)

    def gaps(self) -> tuple[Tensor, float]:
        """See :meth:`Pairs.gaps`."""
        (a, b), n = self.z.unbind(), self.z.size(1)
        options = {"shifted": not self.safe, "keep": self.wanted}
        for own, others in zip((b, a), self.joined or ()):
            others.compare(own, self.scale, **options)
        self.tiles: TwoSideTiles = TwoSideTiles(a, b, SampleDiagonals(n), self.scale, **options)
        #: Sums of exponentials, or where they are shifted their logarithms [2, n].
        self.total: Tensor = torch.stack([self.tiles.total, self.tiles.of_cols])
        if self.joined is not None:
            more = torch.stack([others.total for others in reversed(self.joined)])
            self.total = self.total.add_(more) if self.safe else torch.logaddexp(self.total, more)
        score = torch.linalg.vecdot(a, b).mul_(self.scale)
        lse = self.total.log() if self.safe else self.total
        return lse - score, 2 * (n if self.joined is None else self.joined[0].rows_each)

    def gradient(self) -> Tensor:
        """See :meth:`Pairs.gradient`."""
        pull = self.pull()
        if self.safe:
            share = pull / self.total.clamp(min=LEAST)
        else:
            share = pull.log() - self.total.masked_fill(self.total == float("-inf"), 0)
        gradient = torch.stack(self.tiles.messages(*share))
        if self.joined is not None:
            for own, others, i in zip(gradient, reversed(self.joined), (0, 1)):
                own.add_(others.message(share[i], share[1 - i]))
        pull = pull.sum(dim=0).unsqueeze(1)
        gradient.addcmul_(pull, self.z.flip(0), value=-1)
        return gradient.flatten(0, 1)


PAIRS: dict[str, type[Pairs] | type[SigmoidPairs]] = {
    "views": ViewPairs,
    "keys": KeyPairs,
    "towers": TowerPairs,
    "classified": SigmoidPairs,
}


def is_safe(scale: float | Tensor) -> bool:
    """Whether no exponent can over- or underflow: the similarity of unit rows is one at most."""
    return isinstance(scale, float) and 2 * scale * ROUNDING < SAFE_RANGE
