"""The literal reference: every similarity in one n×n matrix."""

import torch
from torch import Tensor

from gnnclr.ops.exclusion import Exclusion


class DensePairs:
    r"""Row softmax of :math:`\mathbf{q}\mathbf{k}^\top` written out, in :math:`\mathcal{O}(nm)` memory.

    Every other implementation is tested against this one. See :class:`~gnnclr.ops.PairSoftmax` for the meaning of the
    members.
    """

    def __init__(self, q: Tensor, k: Tensor, exclusion: Exclusion, scale: float = 1.0):
        self.q: Tensor = q
        self.k: Tensor = k
        everything = slice(0, q.size(0)), slice(0, k.size(0))
        s = scale * (q @ k.t())
        if q.size(0) and k.size(0):
            exclusion.mask_(s, *everything, value=float("-inf"))
        self.lse: Tensor = torch.logsumexp(s, dim=1)
        self.p: Tensor = (s - self.lse.masked_fill(self.lse.isinf(), 0).unsqueeze(1)).exp()

    def messages(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted messages to queries and keys."""
        p = weight.unsqueeze(1) * self.p
        return p @ self.k, p.t() @ self.q
