"""The softmax of a pair kernel over all pairs, in linear memory."""

from collections.abc import Iterator

import torch
from torch import Tensor

from gnnclr.ops.check import check_choice, check_positive, describe
from gnnclr.ops.kernels import PairKernel
from gnnclr.ops.pair_set import PairSet
from gnnclr.ops.pair_sum import SUM_IMPLEMENTATIONS
from gnnclr.ops.tiles import slices, tile_size


class KernelSoftmax:
    r"""The softmax whose logits are any kernel of the pair, and the messages it sends; with the dot product as kernel
    it is :class:`~gnnclr.ops.PairSoftmax`, which is faster.

    .. math::
        \ell_i = \log \sum_{j \in \mathcal{N}(i)} e^{\kappa\, k(\mathbf{q}_i, \mathbf{k}_j) + \langle a_i, b_j \rangle}

    Args:
        q (Tensor): Queries.
        k (Tensor): Keys.
        kernel (PairKernel): The kernel of the logits.
        scale (float, optional): The factor :math:`\kappa`, an inverse temperature. (default: ``1.0``)
        log_weight (tuple, optional): Low-rank log-weights :math:`a` and :math:`b`. (default: ``None``)
        exclude (tuple, optional): Groups of queries and keys; pairs of equal group take no part. (default: ``None``)
        exclude_pairs (Tensor, optional): Further pairs that take no part. (default: ``None``)
        impl (str, optional): ``"tiles"``, ``"dense"`` (one tile that holds everything), or ``"auto"``, which is tiles.
            (default: ``"auto"``)

    Shapes:
        - **input:** queries :math:`(n, d)`, keys :math:`(m, d)`, log-weights :math:`(n, r)` and :math:`(m, r)`
        - **output:** ``lse`` :math:`(n)`, minus infinity where nothing is left
    """

    def __init__(
        self,
        q: Tensor,
        k: Tensor,
        kernel: PairKernel,
        *,
        scale: float = 1.0,
        log_weight: tuple[Tensor, Tensor] | None = None,
        exclude: tuple[Tensor, Tensor] | None = None,
        exclude_pairs: Tensor | None = None,
        impl: str = "auto",
    ):
        check_choice("impl", impl, SUM_IMPLEMENTATIONS)
        self.kernel: PairKernel = kernel
        self.scale: float = float(check_positive("scale", scale))
        self._dense = impl == "dense"
        with torch.no_grad(), torch.autocast(q.device.type, enabled=False):
            self._pairs = pairs = PairSet(q, k, exclude=exclude, exclude_pairs=exclude_pairs)
            self._log_weight = None
            if log_weight is not None:
                a, b = (x.to(pairs.q.dtype) for x in log_weight)
                self._log_weight = pairs.sort_q(a), pairs.sort_k(b)
            high = pairs.q.new_full((q.size(0),), float("-inf"))
            total = torch.zeros_like(high)
            for rows, _, logit, _ in self._tiles():
                old, new = high[rows], torch.maximum(high[rows], logit.amax(dim=1))
                pivot = new.masked_fill(new == float("-inf"), 0)
                total[rows] = total[rows] * (old - pivot).exp() + logit.sub_(pivot.unsqueeze(1)).exp_().sum(dim=1)
                high[rows] = new
            self._lse = high + total.log()
            #: Log-sum-exp of each query's logits [n].
            self.lse: Tensor = pairs.unsort_q(self._lse)

    @property
    def count(self) -> Tensor:
        """The number of keys of each query [n]."""
        return self._pairs.count

    def messages(self, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        r"""The gradients of :math:`\sum_i w_i \ell_i` by queries [n, d] and keys [m, d], over :math:`\kappa`; and by
        :math:`\log \kappa`, a scalar.

        Args:
            weight (Tensor): A weight for each query [n].
        """
        if weight.shape != self.lse.shape:
            raise ValueError(f"'weight' must have shape [{self.lse.numel()}] (got {describe(weight)})")
        with torch.no_grad(), torch.autocast(weight.device.type, enabled=False):
            q, k = self._pairs.q, self._pairs.k
            weight = self._pairs.sort_q(weight.detach().to(q.dtype))
            lse = self._lse.masked_fill(self._lse == float("-inf"), 0)
            to_q, to_k, by_scale = torch.zeros_like(q), torch.zeros_like(k), q.new_zeros(())
            for rows, cols, logit, (value, slope) in self._tiles():
                p = logit.sub_(lse[rows].unsqueeze(1)).exp_().mul_(weight[rows].unsqueeze(1))
                # Excluded pairs have p = 0, and may have any value.
                by_scale += (p * value.masked_fill(p == 0, 0)).sum()
                by_q, by_k = self.kernel.pull_tile((p * slope).masked_fill_(p == 0, 0), q[rows], k[cols])
                to_q[rows] += by_q
                to_k[cols] += by_k
            return self._pairs.unsort_q(to_q), self._pairs.unsort_k(to_k), by_scale * self.scale

    def message(self, of_q: tuple[Tensor, Tensor], of_k: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        r"""What :meth:`messages` gives to queries as queries and as keys, where they are some rows of a symmetric
        relation: the gradient of :math:`\sum_i w_i \ell_i` over all rows by these [n, d], over :math:`\kappa`; and the
        part of their pairs, seen from both sides, in that by :math:`\log \kappa`.

        Args:
            of_q (tuple): Weights :math:`w` and log-sum-exps :math:`\ell` of queries, over all their keys, [n] each.
            of_k (tuple): The same of keys [m]; plus infinity for those that are nobody's queries.
        """
        with torch.no_grad(), torch.autocast(of_q[0].device.type, enabled=False):
            q, k, infinite = self._pairs.q, self._pairs.k, float("-inf")
            (weight_q, lse_q), (weight_k, lse_k) = (
                (sort(weight), sort(lse.masked_fill(lse == infinite, 0)))
                for sort, (weight, lse) in ((self._pairs.sort_q, of_q), (self._pairs.sort_k, of_k))
            )
            to_q, by_scale = torch.zeros_like(q), q.new_zeros(())
            for rows, cols, logit, (value, slope) in self._tiles():
                p = (logit - lse_k[cols]).exp_().mul_(weight_k[cols])
                p += logit.sub_(lse_q[rows].unsqueeze(1)).exp_().mul_(weight_q[rows].unsqueeze(1))
                by_scale += (p * value.masked_fill(p == 0, 0)).sum()
                to_q[rows] += self.kernel.pull((p * slope).masked_fill_(p == 0, 0), q[rows], k[cols])
            return self._pairs.unsort_q(to_q), by_scale * self.scale

    def _tiles(self) -> Iterator[tuple[slice, slice, Tensor, tuple[Tensor, Tensor]]]:
        q, k, exclusion = self._pairs.q, self._pairs.k, self._pairs.exclusion
        height, width = (q.size(0), k.size(0)) if self._dense else (tile_size(q), 4 * tile_size(q))
        for rows in slices(q.size(0), max(height, 1)):
            for cols in slices(k.size(0), max(width, 1)):
                if exclusion.covers(rows, cols):
                    continue
                value, slope = self.kernel.evaluate(self.kernel.tile(q[rows], k[cols]))
                logit = value * self.scale
                if self._log_weight is not None:
                    logit.addmm_(self._log_weight[0][rows], self._log_weight[1][cols].t())
                yield rows, cols, exclusion.mask_(logit, rows, cols, float("-inf")), (value, slope)
