"""The softmax over pairs where processes share the rows, and the message that own rows get of both sides."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from gnnclr.ops.one_side_tiles import OneSideTiles
from gnnclr.ops.pair_set import PairSet
from gnnclr.ops.tiles import LOG2_E, SAFE_RANGE, SymmetricTiles
from gnnclr.ops.value_only import value_only

#: The weights of rows and their log-sum-exps.
Weighted = tuple[Tensor, Tensor]


class SharedSoftmax:
    r"""The softmax of some rows over keys that are rows too and have them among their own keys.

    .. math::
        \ell_i = \log \sum_{j \in \mathcal{N}(i)} e^{\kappa\, \mathbf{q}_i^\top \mathbf{k}_j}, \qquad
        \mathbf{m}_i = \sum_{j \in \mathcal{N}(i)} e^{\kappa\, \mathbf{q}_i^\top \mathbf{k}_j}
        \left( w_i e^{-\ell_i} + w_j e^{-\ell_j} \right) \mathbf{k}_j

    What a query gets as a key of others takes their log-sum-exps, which other processes have. Three matrix products, or
    two where exponentials are few enough to be kept.

    Args:
        q (Tensor): Own rows [n, d].
        k (Tensor): Keys [m, d].
        scale (float): The factor :math:`\kappa`, an inverse temperature.
        exclude (tuple, optional): Groups of queries [n] and keys [m]; pairs of equal group take no part.
            (default: ``None``)
        exclude_pairs (Tensor, optional): Further pairs [2, p] that take no part. (default: ``None``)

    Attributes:
        lse (Tensor): Log-sum-exps of the queries over these keys, minus infinity where nothing is left [n].
    """

    def __init__(
        self,
        q: Tensor,
        k: Tensor,
        *,
        scale: float,
        exclude: tuple[Tensor, Tensor] | None = None,
        exclude_pairs: Tensor | None = None,
    ):
        with torch.no_grad(), torch.autocast(q.device.type, enabled=False):
            self._pairs = pairs = PairSet(q, k, exclude=exclude, exclude_pairs=exclude_pairs)
            self._safe = SymmetricTiles.safe(pairs.q, pairs.k, scale)
            self._tiles = _Tiles(
                pairs.q, pairs.k, slice(0, 0), scale, not self._safe, not value_only(), pairs.exclusion
            )
            total = self._tiles.total
            self.lse: Tensor = pairs.unsort_q(total.log() if self._safe else total)

    @property
    def count(self) -> Tensor:
        """The number of keys that take part with each query [n]."""
        return self._pairs.count

    def message(self, of_q: Weighted, of_k: Weighted) -> Tensor:
        r"""The message :math:`\mathbf{m}` to queries [n, d].

        Args:
            of_q (tuple): Weights :math:`w` and log-sum-exps :math:`\ell` of queries, over all their keys, [n] each.
            of_k (tuple): The same of keys [m]; plus infinity for those that are nobody's queries.
        """
        with torch.no_grad(), torch.autocast(of_q[0].device.type, enabled=False):
            q, k = self._sorted(self._pairs.sort_q, of_q), self._sorted(self._pairs.sort_k, of_k)
            return self._pairs.unsort_q(self._tiles.message(q, k))

    def _sorted(self, sort: Callable[[Tensor], Tensor], of_rows: Weighted) -> Tensor:
        """Shares of rows, or where exponents are shifted their weights and log-sum-exps [2, n]."""
        weight, lse = map(sort, of_rows)
        lse = lse.masked_fill(lse == float("-inf"), 0)  # where there is nothing to sum
        if not self._safe:
            return torch.stack([weight, lse])
        # One beyond the range of these pairs is of a row that has none of them, but others elsewhere.
        return weight * lse.neg().clamp(max=SAFE_RANGE).exp()


class _Tiles(OneSideTiles):
    """Tiles with weights of any sign also where exponents are shifted: shares are weights and log-sum-exps there."""

    def _weighted(self, share_q: Tensor, share_k: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
        if not self.shifted:
            yield from super()._weighted(share_q, share_k)
            return
        (weight_q, lse_q), (weight_k, lse_k) = share_q, share_k
        lse_q, lse_k = lse_q * LOG2_E, lse_k * LOG2_E
        for rows, cols, e in self._tiles():
            for some, part in self._in_cache(rows, e):
                of_keys = torch.sub(part, lse_k[cols], out=self._like(part)).exp2_().mul_(weight_k[cols])
                part.sub_(lse_q[some].unsqueeze(1)).exp2_().mul_(weight_q[some].unsqueeze(1)).add_(of_keys)
            yield rows, cols, e
