"""The engine behind layers on any graph: log-sum-exp and messages of a softmax over pairs, in linear memory."""

from collections.abc import Callable

import torch
from torch import Tensor

from gnnclr.ops import flash
from gnnclr.ops.check import check_choice, check_positive, describe
from gnnclr.ops.dense import DensePairs
from gnnclr.ops.exclusion import Exclusion
from gnnclr.ops.pair_set import PairSet
from gnnclr.ops.row_sweep import RowSweep
from gnnclr.ops.tiles import RowTiles, SymmetricTiles, tile_size

IMPLEMENTATIONS = ("auto", "flash", "tiles", "dense")


class PairSoftmax:
    r"""The softmax over all pairs of queries and keys, and the messages it sends, without the :math:`n \times m`
    matrix.

    .. math::
        \ell_i = \log \sum_{j \in \mathcal{N}(i)} e^{\kappa\, \mathbf{q}_i^\top \mathbf{k}_j}, \qquad
        P_{ij} = e^{\kappa\, \mathbf{q}_i^\top \mathbf{k}_j - \ell_i}

    A bias per key, or low-rank log-weights :math:`\langle a_i, b_j\rangle`, are columns appended to queries and keys
    (see :func:`append_log_weight`).
    Inputs are detached; see :func:`~gnnclr.ops.pair_logsumexp` for the differentiable form. Arithmetic is float32, or
    float64 for float64 inputs.

    Args:
        q (Tensor): Queries.
        k (Tensor): Keys.
        scale (float, optional): The factor :math:`\kappa`, an inverse temperature. (default: ``1.0``)
        exclude (tuple, optional): Groups of queries and keys; pairs of equal group take no part. (default: ``None``)
        exclude_pairs (Tensor, optional): Further pairs of query and key that take no part. With ``symmetric``, both
            directions of each. (default: ``None``)
        symmetric (bool, optional): States that similarities and exclusions are symmetric (``q`` is ``k``, up to
            log-weight columns),
            which halves the work. (default: ``False``)
        weigh (callable, optional): The weights of queries as a function of their log-sum-exp and index, if they are
            that: called as ``weigh(lse, index)`` on some queries, it lets a single pass do the work of two, and
            :meth:`messages` is then called without weights. (default: ``None``)
        impl (str, optional): ``"flash"`` (fused attention kernels), ``"tiles"`` (public operations), ``"dense"`` (the
            literal reference),
            or ``"auto"``: the fastest that is exact here. (default: ``"auto"``)

    Shapes:
        - **input:** queries :math:`(n, d)`, keys :math:`(m, d)`, groups :math:`(n)` and :math:`(m)`, pairs
          :math:`(2, p)`
        - **output:** ``lse`` :math:`(n)`, minus infinity where nothing is left; messages :math:`(n, d)` and
          :math:`(m, d)`
    """

    def __init__(
        self,
        q: Tensor,
        k: Tensor,
        *,
        scale: float = 1.0,
        exclude: tuple[Tensor, Tensor] | None = None,
        exclude_pairs: Tensor | None = None,
        symmetric: bool = False,
        weigh: Callable[[Tensor, Tensor], Tensor] | None = None,
        impl: str = "auto",
    ):
        check_choice("impl", impl, IMPLEMENTATIONS)
        self.symmetric: bool = symmetric
        self.scale: float = float(check_positive("scale", scale))
        with torch.no_grad(), torch.autocast(q.device.type, enabled=False):
            self._pairs = PairSet(q, k, exclude=exclude, exclude_pairs=exclude_pairs, symmetric=symmetric)
            self._weigh = weigh
            if weigh is not None and impl == "auto" and not symmetric and RowSweep.worthwhile(k):
                self._engine = RowSweep(
                    self._pairs.q, self._pairs.k, self._pairs.exclusion, self.scale, self._weigh_sorted
                )
                self.lse = self._pairs.unsort_q(self._engine.lse)
                return
            self._engine = self._build(self._pairs.q, self._pairs.k, self._pairs.exclusion, impl)
            #: Log-sum-exp of each query's similarities [n].
            self.lse: Tensor = self._pairs.unsort_q(self._engine.lse)

    @property
    def count(self) -> Tensor:
        """The number of keys that take part with each query [n]."""
        return self._pairs.count

    def messages(self, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
        r"""The messages :math:`\sum_j w_i P_{ij} \mathbf{k}_j` to the queries and
        :math:`\sum_i w_i P_{ij} \mathbf{q}_i` to the keys.

        Times :math:`\kappa` they are the gradients of :math:`\sum_i w_i \ell_i` by queries and keys.

        Args:
            weight (Tensor, optional): A weight for each query [n]. (default: those of ``weigh``)
        """
        if isinstance(self._engine, RowSweep):
            if weight is not None:
                raise ValueError("'weight' must not be given where 'weigh' was (got one)")
            return self._pairs.unsort_q(self._engine.to_q), self._pairs.unsort_k(self._engine.to_k)
        if weight is None:
            if self._weigh is None:
                raise ValueError("'weight' must be given, unless 'weigh' was (got none)")
            weight = self._weigh(self.lse, torch.arange(self.lse.numel(), device=self.lse.device))
        if self.symmetric or isinstance(self._engine, SymmetricTiles):
            raise ValueError("'messages' needs two sides; a PairSoftmax with symmetric=True has one joint 'message'")
        with torch.no_grad(), torch.autocast(weight.device.type, enabled=False):
            to_q, to_k = self._engine.messages(self._weight(weight))
            return self._pairs.unsort_q(to_q), self._pairs.unsort_k(to_k)

    def message(self, weight: Tensor) -> Tensor:
        r"""With ``symmetric``, the joint message :math:`\sum_j (w_i P_{ij} + w_j P_{ji}) \mathbf{k}_j` [n, d].

        It is right on the columns in which queries and keys agree; there, times :math:`\kappa`, it is the gradient of
        :math:`\sum_i w_i \ell_i`.

        Args:
            weight (Tensor): A weight for each query [n].
        """
        if not self.symmetric:
            raise ValueError("'message' needs symmetric=True; two sides have 'messages'")
        with torch.no_grad(), torch.autocast(weight.device.type, enabled=False):
            weight = self._weight(weight)
            if isinstance(self._engine, SymmetricTiles):
                return self._pairs.unsort_q(self._engine.message(weight))
            assert not isinstance(self._engine, RowSweep)  # it has two sides
            to_q, to_k = self._engine.messages(weight)
            return self._pairs.unsort_q(to_q.add_(to_k))

    def _weigh_sorted(self, lse: Tensor, rows: slice) -> Tensor:
        """The weights of a slice of the sorted queries."""
        index = torch.arange(rows.start, rows.stop, device=lse.device)
        return self._weigh(lse, self._pairs.rank_q(index))

    def _build(
        self, q: Tensor, k: Tensor, exclusion: Exclusion, impl: str
    ) -> DensePairs | flash.FlashPairs | RowTiles | SymmetricTiles:
        if impl == "dense":
            return DensePairs(q, k, exclusion, self.scale)
        if impl == "flash" and exclusion.pairs is not None:
            raise ValueError("'impl=\"flash\"' cannot exclude single pairs: use 'auto', 'tiles' or 'dense'")
        if impl != "flash" and self.symmetric and SymmetricTiles.safe(q, k, self.scale):
            return SymmetricTiles(q, k, exclusion, self.scale)
        # One tile holds its similarities and so needs a product less than the fused kernel; on a GPU tiles are as fast.
        large = q.device.type == "cpu" and q.size(0) > tile_size(q)
        worthwhile = impl == "flash" or (impl == "auto" and exclusion.pairs is None and large)
        if worthwhile and min(q.size(0), k.size(0)) > 0:
            if flash.available(q.device.type, q.dtype):
                return flash.FlashPairs(q, k, exclusion, self.scale)
            if impl == "flash":
                raise RuntimeError(
                    f"the fused attention kernel is not available for {q.dtype} on {q.device}: use impl='auto'"
                )
        return RowTiles(q, k, exclusion, self.scale)

    def _weight(self, weight: Tensor) -> Tensor:
        if weight.shape != self.lse.shape:
            raise ValueError(f"'weight' must have shape [{self.lse.numel()}] (got {describe(weight)})")
        return self._pairs.sort_q(weight.detach().to(self.lse.dtype))
