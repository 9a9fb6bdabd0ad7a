"""The softmax of the rows and of the columns of one similarity matrix, in tiles: two towers that find each other."""

import torch
from torch import Tensor

from gnnclr.ops.one_side_tiles import OneSideTiles
from gnnclr.ops.sample_diagonals import SampleDiagonals
from gnnclr.ops.tiles import LOG2_E


class TwoSideTiles(OneSideTiles):
    r"""With :math:`e_{ij} = \exp(s_{ij})`, the sums of rows :math:`r_i` and of columns :math:`c_j`, and the joint
    messages of both softmaxes: every pair has the weight :math:`e_{ij} (w_i / r_i + v_j / c_j)`.

    Three matrix products, or four where exponentials are too many to be kept.

    Args:
        q (Tensor): Rows of one side [n, d].
        k (Tensor): Rows of the other [m, d].
        exclusion (SampleDiagonals): The pairs that take no part.
        scale (float or Tensor): The factor of similarities.
        shifted (bool): Whether exponents over- or underflow without a shift.
        keep (bool): Whether messages will be asked for.

    Attributes:
        total (Tensor): Sums of exponentials of rows, or where they are shifted their logarithms [n].
        of_cols (Tensor): The same of columns [m].
    """

    def __init__(
        self, q: Tensor, k: Tensor, exclusion: SampleDiagonals, scale: float | Tensor, shifted: bool, keep: bool
    ):
        self.of_cols: Tensor = k.new_full((k.size(0),), float("-inf")) if shifted else k.new_zeros(k.size(0))
        super().__init__(q, k, slice(0, 0), scale, shifted, keep, exclusion)
        if shifted:
            self.of_cols.div_(LOG2_E)

    def _add(self, rows: slice, cols: slice, e: Tensor) -> None:
        super()._add(rows, cols, e)
        if self.shifted:
            for _, scores in self._in_cache(rows, e):
                self.of_cols[cols] = torch.logaddexp2(self.of_cols[cols], self._log_sum(scores, dim=0))
        else:
            self.of_cols[cols].add_(e.sum(dim=0))

    def messages(self, share_q: Tensor, share_k: Tensor) -> tuple[Tensor, Tensor]:
        r"""The joint messages :math:`\sum_j e_{ij} (a_i + b_j) \mathbf{k}_j` [n, d] and
        :math:`\sum_i e_{ij} (a_i + b_j) \mathbf{q}_i` [m, d].

        Args:
            share_q (Tensor): :math:`a` of rows, or where exponents are shifted their logarithms [n].
            share_k (Tensor): :math:`b` of columns, the same [m].
        """
        to_q, to_k = torch.zeros_like(self.q), torch.zeros_like(self.k)
        for rows, cols, e in self._weighted(share_q, share_k):
            to_q[rows].addmm_(e, self.k[cols])
            to_k[cols].addmm_(e.t(), self.q[rows])
        return to_q, to_k
