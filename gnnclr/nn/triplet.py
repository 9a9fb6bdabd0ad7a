"""The triplet update: a positive is nearer than every negative, by a margin."""

import torch
from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.graph.explicit_negatives import explicit_negatives, refuse_extra_negatives
from gnnclr.graph.negative_blocks import negative_blocks
from gnnclr.nn.alignment import AlignmentConv, PositivePairs, most_positives, relative_weights
from gnnclr.nn.coupled import sum_by_anchor
from gnnclr.nn.pair_conv import PairConv
from gnnclr.nn.update import Update
from gnnclr.ops import PairSum
from gnnclr.ops.check import check_choice, check_positive
from gnnclr.ops.hinge_sum import HingeSum, SortedThresholds
from gnnclr.ops.kernels import CosineHinge, Hinge, NegativePower
from gnnclr.ops.pair_sum import SUM_IMPLEMENTATIONS
from gnnclr.ops.value_only import value_only

#: Minus the distance of a positive, and the hinge of that of a negative.
DISTANCES: dict[str, tuple[NegativePower, Hinge]] = {
    "euclidean": (NegativePower(1.0), Hinge()),
    "cosine": (NegativePower(2.0, temperature=2.0), CosineHinge()),
}


class TripletConv(PairConv):
    r"""Descends the hinge of all triplets of an anchor, one of its positives and a negative.

    .. math::
        E_{\text{all}} &= \frac{\sum_{i} \sum_{p} \omega_{ip} \sum_{j \in \mathcal{N}^{-}(i)}
        \big[ \|\mathbf{z}_i - \mathbf{z}_p\| - \|\mathbf{z}_i - \mathbf{z}_j\| + m \big]_{+}}
        {\sum_{i} \sum_{p} \omega_{ip} |\mathcal{N}^{-}(i)|} \\
        E_{\text{mean}} &= \frac{1}{|\mathcal{P}|} \sum_{i} \sum_{j \in \mathcal{N}^{-}(i)}
        \Big[ \sum_{p} w_{ip} \|\mathbf{z}_i - \mathbf{z}_p\| - \|\mathbf{z}_i - \mathbf{z}_j\| + m \Big]_{+}

    with the weights :math:`\omega` of the graph's positives, one without them; :math:`w` sum to one over an anchor's;
    and :math:`\mathcal{P}` are the pairs of anchors that have positives with their negatives. Both agree where an
    anchor has one positive. Thresholds :math:`\|\mathbf{z}_i - \mathbf{z}_p\| + m` are sorted, so that each pair
    :math:`(i, j)` is looked at once, and no list of triplets is made. Pairs that the graph ignores are left out, and
    extra negatives are refused.

    Args:
        margin (float, optional): The margin :math:`m > 0`. (default: ``1.0``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSum`. (default: ``"auto"``)
        positives (str, optional): ``"all"``, a hinge for each positive; or ``"mean"``, one hinge of their mean
            distance. (default: ``"all"``)
        distance (str, optional): ``"euclidean"``; or ``"cosine"``, one minus the dot product of unit rows.
            (default: ``"euclidean"``)

    Shapes:
        - **input:** embeddings :math:`(n, d)`; graph of :math:`n` nodes
        - **output:** messages :math:`(n, d)`
    """

    kernel: Hinge

    def __init__(self, margin: float = 1.0, impl: str = "auto", positives: str = "all", distance: str = "euclidean"):
        super().__init__()
        self.margin: float = check_positive("margin", margin)
        self.impl: str = check_choice("impl", impl, SUM_IMPLEMENTATIONS)
        self.positives: str = check_choice("positives", positives, ("all", "mean"))
        self.distance: str = check_choice("distance", distance, tuple(DISTANCES))
        power, self.kernel = DISTANCES[distance]
        self.alignment: AlignmentConv = AlignmentConv(1.0, power)

    def step(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energy and message of one round."""
        refuse_extra_negatives(graph, self)
        pairs = self.alignment.pairs(z, graph)
        one = graph.edge_weight is None and most_positives(pairs.edge_index) <= 1
        sums = self._of_mean if one or self.positives == "mean" else self._of_all
        value, mass, message, by_score = sums(z, graph, pairs)
        mass = mass if mass > 0 else 1
        if value_only():
            return Update(value / mass)
        message = self.alignment.pull(z, graph, pairs, by_score).sub_(message)
        return Update(value / mass, message.div_(mass))

    def _of_all(
        self, z: Tensor, graph: ContrastGraph, pairs: PositivePairs
    ) -> tuple[Tensor, float, Tensor | None, Tensor | None]:
        """Sum and weight of all triplets, and gradients of the sum by embeddings and by the scores of positives."""
        target = pairs.edge_index[1]
        weight = graph.edge_weight
        weight = torch.ones_like(pairs.score) if weight is None else relative_weights(weight).to(z)
        if graph.anchor is not None:
            weight = weight * graph.anchor[target]
        threshold = self.margin - pairs.score
        if graph.negative_index is not None:
            return self._of_all_explicit(z, graph, SortedThresholds(target, threshold, weight, z.size(0)))
        total, mass, message, by_score = z.new_zeros(()), 0.0, None, torch.zeros_like(threshold)
        for block in negative_blocks(z, graph, graph.negatives):
            q, k = block.ends(z)
            place, of = target, slice(None)
            if block.anchors is not None:
                place = torch.full_like(graph.sample, -1).index_copy_(
                    0, block.anchors, torch.arange(q.size(0), device=z.device)
                )[target]
                of = place >= 0
            options = {"exclude": block.groups, "exclude_pairs": block.pairs, "impl": self.impl, "kernel": self.kernel}
            found = HingeSum(q, k, place[of], threshold[of], weight[of], **options)
            total, mass = total + found.value, mass + float(found.mass)
            message = None if value_only() else block.add(message, z, found.to_q, found.to_k)
            by_score[of] -= found.by_threshold
        return total, mass, torch.zeros_like(z) if message is None else message, by_score

    def _of_all_explicit(
        self, z: Tensor, graph: ContrastGraph, thresholds: SortedThresholds
    ) -> tuple[Tensor, float, Tensor | None, Tensor | None]:
        """As :meth:`_of_all`, for negatives that are edges."""
        edge_index = explicit_negatives(graph)
        source, target = edge_index
        x = self.kernel.rows(z[target], self.candidates(z, graph)[source])
        rank, start, n = thresholds.ranks(target, self.kernel.distance(x)), thresholds.start, z.size(0)
        # Sums from a threshold on to the last of its anchor; in float64, as differences of sums over all of them.
        sums = torch.stack([thresholds.weight, thresholds.weight * thresholds.threshold]).double().cumsum(1)
        sums = torch.nn.functional.pad(sums, (1, 0))
        weight, weighted = (sums[:, start[1:][target]] - sums[:, start[target] + rank]).to(z)
        value = (weighted - weight * self.kernel.distance(x)).sum()
        if value_only():
            return value, self._mass(thresholds, target), None, None
        message = self.messages_both_ways(z, graph, edge_index, weight, self.kernel.distance_slope(x).neg_())
        # How many negatives each threshold is above of.
        slots = torch.bincount(start[target] + target + rank, minlength=thresholds.order.numel() + n).cumsum(0)
        place = torch.arange(thresholds.order.numel(), device=z.device) + thresholds.owner
        before = torch.nn.functional.pad(slots, (1, 0))[start[:-1] + torch.arange(n, device=z.device)]
        above = slots[place] - before[thresholds.owner]
        by_score = torch.empty_like(thresholds.threshold)
        by_score[thresholds.order] = -above.to(z) * thresholds.weight
        return value, self._mass(thresholds, target), message, by_score

    @staticmethod
    def _mass(thresholds: SortedThresholds, target: Tensor) -> float:
        """The weight of all triplets of the thresholds with negatives of these targets."""
        total = torch.zeros_like(thresholds.count, dtype=thresholds.weight.dtype)
        return float(total.index_add_(0, thresholds.owner, thresholds.weight)[target].sum())

    def _of_mean(
        self, z: Tensor, graph: ContrastGraph, pairs: PositivePairs
    ) -> tuple[Tensor, float, Tensor | None, Tensor]:
        """As :meth:`_of_all`, for one hinge of the mean distance of an anchor's positives."""
        share = sum_by_anchor(pairs.weight, pairs, z.size(0))
        weight = pairs.weight / share[pairs.edge_index[1]].clamp(min=torch.finfo(z.dtype).tiny)
        threshold = self.margin - sum_by_anchor(weight * pairs.score, pairs, z.size(0))
        value, number, message, by_threshold = self._negatives(z, graph, threshold, (share > 0).to(z.dtype))
        return value, number, message, -weight * by_threshold[pairs.edge_index[1]]

    def _negatives(
        self, z: Tensor, graph: ContrastGraph, threshold: Tensor, active: Tensor
    ) -> tuple[Tensor, int, Tensor | None, Tensor]:
        """Sum and number of the triplets, and gradients of the sum by embeddings and thresholds."""
        if graph.negative_index is not None:
            edge_index = explicit_negatives(graph)
            source, target = edge_index
            x = self.kernel.rows(z[target], self.candidates(z, graph)[source])
            value, slope, by = self.kernel.evaluate_above(x, threshold[target])
            chosen = active[target]
            by_threshold = torch.zeros_like(threshold).index_add_(0, target, chosen * by)
            message = None if value_only() else self.messages_both_ways(z, graph, edge_index, chosen, slope)
            return (chosen * value).sum(), int(chosen.sum()), message, by_threshold
        total, number, message, by_threshold = z.new_zeros(()), 0, None, torch.zeros_like(threshold)
        for block in negative_blocks(z, graph, graph.negatives):
            q, k = block.ends(z)
            weight = block.of_anchors(active)
            options = {"exclude": block.groups, "exclude_pairs": block.pairs, "impl": self.impl}
            found = PairSum(q, k, self.kernel, weight, threshold=block.of_anchors(threshold), **options)
            total, number = total + (weight * found.value).sum(), number + int((weight * found.count).sum())
            message = None if value_only() else block.add(message, z, found.to_q, found.to_k)
            by_threshold[slice(None) if block.anchors is None else block.anchors] += found.by_threshold
        return total, number, torch.zeros_like(z) if message is None else message, by_threshold

    def extra_repr(self) -> str:
        """The margin, and what differs from the default."""
        parts = [f"margin={self.margin:g}"]
        parts += [f"positives={self.positives!r}"] * (self.positives != "all")
        return ", ".join(parts + [f"distance={self.distance!r}"] * (self.distance != "euclidean"))
