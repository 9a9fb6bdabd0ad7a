"""The rows of all processes, of which each computes what concerns its own."""

import torch
import torch.distributed as dist
from torch import Tensor

from gnnclr.ops.one_side_tiles import OneSideTiles
from gnnclr.ops.processes.gather_rows import bring_home, gather_rows
from gnnclr.ops.tiles import slices
from gnnclr.ops.unit_rows import bring_to_unit

#: Rows that are brought to unit length at once: some memory goes with each.
ROWS = 2**18


class JoinedRows:
    r"""Unit rows of all processes. No gradient of rows of others is computed here, and none is summed over processes:
    with :math:`e_{ij} = \exp(s_{ij})` and the share :math:`a_i = w_i e^{-\ell_i}` of an anchor, a row gets
    :math:`\sum_j e_{ij} (a_i + a_j) \mathbf{z}_j`, as an anchor and as a candidate of others, so that one number a row
    is all that is told after the rows themselves.

    Args:
        x (Tensor): This process's rows, of any length [n, d].
        sizes (list): Rows of each process.

    Attributes:
        rows (Tensor): The rows of all processes, in order of rank [N, d].
        own (slice): Those of this process.
        rows_each (float): Rows of a process on average.
    """

    def __init__(self, x: Tensor, sizes: list[int]):
        self.sizes: list[int] = sizes
        rank = dist.get_rank()
        joined = gather_rows(x, sizes)
        self.rows: Tensor = joined.to(torch.promote_types(x.dtype, torch.float32))
        for part in slices(joined.size(0), ROWS):
            self.rows[part] = bring_to_unit(self.rows[part], in_place=True).rows
        self.own: slice = slice(sum(sizes[:rank]), sum(sizes[: rank + 1]))
        self.rows_each: float = sum(sizes) / len(sizes)

    def compare(self, own: Tensor, scale: float | Tensor, shifted: bool, keep: bool) -> None:
        """Compares own rows, these or others, with the rows of other processes, all of which repel them; see
        :class:`OneSideTiles`."""
        self._tiles = OneSideTiles(own, self.rows, self.own, scale, shifted, keep)
        #: What others add to the partition of an own row [n].
        self.total: Tensor = self._tiles.total

    def message(self, share: Tensor, of_these: Tensor | None = None) -> Tensor:
        """What the own rows that were compared and the rows of others have of each other, for own rows [n, d]; all
        processes call.

        Args:
            share (Tensor): The shares of own rows as anchors, or where exponents are shifted their logarithms [n].
            of_these (Tensor, optional): The same of the own rows among these, where they were compared with others.
                (default: ``share``)
        """
        return self._tiles.message(share, gather_rows(share if of_these is None else of_these, self.sizes))

    def bring_home(self, gradient: Tensor) -> Tensor:
        """The sum over processes of their gradients by own rows [n, d]; all processes call.

        Args:
            gradient (Tensor): This process's gradient by the rows of all [N, d].
        """
        return bring_home(gradient, self.sizes)
