"""Sums of a pair kernel over all pairs, and the messages they send, in linear memory."""

from collections.abc import Callable

import torch
from torch import Tensor

from gnnclr.ops.check import check_choice, describe
from gnnclr.ops.kernels import PairKernel
from gnnclr.ops.pair_set import PairSet
from gnnclr.ops.tiles import slices, tile_size
from gnnclr.ops.value_only import value_only

SUM_IMPLEMENTATIONS = ("auto", "tiles", "dense")


class PairSum:
    r"""The sum of a kernel over the keys of each query, without the :math:`n \times m` matrix, in a single walk.

    .. math::
        v_i = \sum_{j \in \mathcal{N}(i)} k(\mathbf{q}_i, \mathbf{k}_j), \qquad
        \nabla_{\mathbf{q}} \sum_i w_i v_i, \qquad \nabla_{\mathbf{k}} \sum_i w_i v_i

    Args:
        q (Tensor): Queries.
        k (Tensor): Keys.
        kernel (PairKernel): The kernel.
        weight (Tensor): The weight of each query's sum in the gradients.
        weight_k (Tensor, optional): The same of each key, where queries are some rows of a symmetric relation, and keys
            are rows whose sums they are in; ``to_q`` is the gradient by both then, and there is no other.
            (default: ``None``)
        threshold (Tensor, optional): A further argument of the kernel for each query, for kernels that take one
            (:class:`~gnnclr.ops.kernels.Hinge`). (default: ``None``)
        exclude (tuple, optional): Groups of queries and keys; pairs of equal group take no part. (default: ``None``)
        exclude_pairs (Tensor, optional): Further pairs that take no part. (default: ``None``)
        symmetric (bool, optional): States that ``q`` is ``k`` and exclusions are symmetric, which nearly halves the
            work. (default: ``False``)
        impl (str, optional): ``"tiles"``, ``"dense"`` (one tile that holds everything), or ``"auto"``, which is tiles.
            (default: ``"auto"``)

    Shapes:
        - **input:** queries :math:`(n, d)`, keys :math:`(m, d)`, weight and threshold :math:`(n)`, ``weight_k``
          :math:`(m)`
        - **output:** ``value`` :math:`(n)`; gradients ``to_q`` :math:`(n, d)` and ``to_k`` :math:`(m, d)` (with
          ``symmetric`` their sum stands in ``to_q``); ``by_threshold`` :math:`(n)`; ``count`` :math:`(n)`
    """

    def __init__(
        self,
        q: Tensor,
        k: Tensor,
        kernel: PairKernel,
        weight: Tensor,
        *,
        weight_k: Tensor | None = None,
        threshold: Tensor | None = None,
        exclude: tuple[Tensor, Tensor] | None = None,
        exclude_pairs: Tensor | None = None,
        symmetric: bool = False,
        impl: str = "auto",
    ):
        check_choice("impl", impl, SUM_IMPLEMENTATIONS)
        if symmetric and weight_k is not None:
            raise ValueError("'symmetric' has the weights of queries for keys too, without 'weight_k' (got one)")
        if symmetric and threshold is not None:
            raise ValueError("'symmetric' needs a symmetric kernel, without 'threshold' (got one)")
        self.kernel: PairKernel = kernel
        self._dense = impl == "dense"
        with torch.no_grad(), torch.autocast(q.device.type, enabled=False):
            self._pairs = pairs = PairSet(q, k, exclude=exclude, exclude_pairs=exclude_pairs, symmetric=symmetric)
            for name, x, of in (("weight", weight, q), ("threshold", threshold, q), ("weight_k", weight_k, k)):
                if x is not None and x.shape != (of.size(0),):
                    raise ValueError(f"'{name}' must have shape [{of.size(0)}] (got {describe(x)})")
            self._weight = pairs.sort_q(weight.detach().to(pairs.q.dtype))
            self._weight_k = None if weight_k is None else pairs.sort_k(weight_k.detach().to(pairs.q.dtype))
            self._threshold = None if threshold is None else pairs.sort_q(threshold.detach().to(pairs.q.dtype))
            self._value = pairs.q.new_zeros(q.size(0))
            self._by_threshold = torch.zeros_like(self._value)
            self._to_q = torch.zeros_like(pairs.q)
            self._to_k = None if symmetric or weight_k is not None else torch.zeros_like(pairs.k)
            self._walk_triangle() if symmetric else self._walk()
            #: Sum of each query [n].
            self.value: Tensor = pairs.unsort_q(self._value)
            #: Gradient by the queries [n, d].
            self.to_q: Tensor = pairs.unsort_q(self._to_q)
            #: Gradient by the keys [m, d].
            self.to_k: Tensor | None = None if self._to_k is None else pairs.unsort_k(self._to_k)
            #: Gradient by the threshold [n].
            self.by_threshold: Tensor | None = None if threshold is None else pairs.unsort_q(self._by_threshold)

    @property
    def count(self) -> Tensor:
        """The number of keys of each query [n]."""
        return self._pairs.count

    def _walk(self) -> None:
        q, k = self._pairs.q, self._pairs.k
        height, width = (q.size(0), k.size(0)) if self._dense else (tile_size(q), 4 * tile_size(q))
        for rows in slices(q.size(0), max(height, 1)):
            for cols in slices(k.size(0), max(width, 1)):
                if self._pairs.exclusion.covers(rows, cols):
                    continue
                slope = self._evaluate(rows, cols)
                if value_only():
                    continue
                weight = self._weight[rows].unsqueeze(1)
                if self._weight_k is not None:
                    slope.mul_(weight + self._weight_k[cols])
                    self._to_q[rows] += self.kernel.pull(slope, q[rows], k[cols])
                    continue
                to_q, to_k = self.kernel.pull_tile(slope.mul_(weight), q[rows], k[cols])
                self._to_q[rows] += to_q
                self._to_k[cols] += to_k

    def _walk_triangle(self) -> None:
        q, weight = self._pairs.q, self._weight
        blocks = list(slices(q.size(0), max(q.size(0), 1) if self._dense else tile_size(q)))
        for i, rows in enumerate(blocks):
            for cols in blocks[i:]:
                if self._pairs.exclusion.covers(rows, cols):
                    continue
                slope = self._evaluate(rows, cols, both=cols.start > rows.start)
                if value_only():
                    continue
                slope.mul_(weight[rows].unsqueeze(1) + weight[cols].unsqueeze(0))
                to_rows, to_cols = self.kernel.pull_tile(slope, q[rows], q[cols])
                self._to_q[rows] += to_rows
                if cols.start > rows.start:
                    self._to_q[cols] += to_cols

    def _evaluate(self, rows: slice, cols: slice, both: bool = False) -> Tensor:
        """Adds the values of a tile to the sums of its rows, with ``both`` to those of its columns too; the slopes."""
        mask = self._pairs.exclusion.mask_
        x = self.kernel.tile(self._pairs.q[rows], self._pairs.k[cols])
        if self._threshold is None:
            value, slope = self.kernel.evaluate(x)
        else:
            value, slope, by = self.kernel.evaluate_above(x, self._threshold[rows].unsqueeze(1))
            self._by_threshold[rows] += self._weight[rows] * mask(by, rows, cols, 0.0).sum(dim=1)
        value = mask(value, rows, cols, 0.0)
        self._value[rows] += value.sum(dim=1)
        if both:
            self._value[cols] += value.sum(dim=0)
        return mask_slopes(mask, slope, rows, cols)


def mask_slopes(mask: Callable[..., None], slope: Tensor, rows: slice, cols: slice) -> Tensor:
    """Slopes of a tile with zeros at excluded pairs: one matrix, or one for each argument of the kernel."""
    slope = slope.contiguous()
    for part in slope if slope.dim() == 3 else [slope]:
        mask(part, rows, cols, 0.0)
    return slope
