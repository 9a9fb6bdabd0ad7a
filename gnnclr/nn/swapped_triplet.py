"""The triplet update with swapped anchors: a negative is as near as it is to the anchor or to the positive."""

import torch
from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.graph.explicit_negatives import explicit_negatives, refuse_extra_negatives
from gnnclr.graph.negative_blocks import negative_blocks
from gnnclr.nn.alignment import PositivePairs, relative_weights
from gnnclr.nn.pair_conv import edges_at_once
from gnnclr.nn.triplet import TripletConv
from gnnclr.nn.update import Update
from gnnclr.ops import PairSum
from gnnclr.ops.kernels import NearerHinge
from gnnclr.ops.tiles import slices
from gnnclr.ops.value_only import value_only


class SwappedTripletConv(TripletConv):
    r"""Descends the hinge of all triplets, with the distance swap of `"Learning local feature descriptors with triplets
    and shallow convolutional neural networks" <https://doi.org/10.5244/C.30.119>`_.

    .. math::
        E = \frac{\sum_{i, p} \omega_{ip} \sum_{j \in \mathcal{N}^{-}(i)} \big[ d(\mathbf{z}_i, \mathbf{z}_p) -
        \min\{d(\mathbf{z}_i, \mathbf{z}_j), d(\mathbf{z}_p, \mathbf{z}_j)\} + m \big]_{+}}
        {\sum_{i, p} \omega_{ip} |\mathcal{N}^{-}(i)|}

    with the weights :math:`\omega` of the graph's positives, one without them. Each positive pair is a query of its
    own, so a class of many samples takes a walk for each of its pairs, in linear memory in their number.

    Args:
        margin (float, optional): The margin :math:`m > 0`. (default: ``1.0``)
        impl (str, optional): Implementation of the engine, see :class:`gnnclr.ops.PairSum`. (default: ``"auto"``)
        distance (str, optional): ``"euclidean"`` or ``"cosine"``, see :class:`~gnnclr.nn.TripletConv`.
            (default: ``"euclidean"``)

    Shapes:
        - **input:** embeddings :math:`(n, d)`; graph of :math:`n` nodes
        - **output:** messages :math:`(n, d)`
    """

    def __init__(self, margin: float = 1.0, impl: str = "auto", distance: str = "euclidean"):
        super().__init__(margin, impl, distance=distance)
        self.nearer: NearerHinge = NearerHinge(self.kernel)

    def step(self, z: Tensor, graph: ContrastGraph) -> Update:
        """Energy and message of one round."""
        refuse_extra_negatives(graph, self)
        pairs, weight = self.alignment.pairs(z, graph), graph.edge_weight
        weight = torch.ones_like(pairs.score) if weight is None else relative_weights(weight).to(z)
        if graph.anchor is not None:
            weight = weight * graph.anchor[pairs.edge_index[1]]
        sums = self._rule if graph.negative_index is None else self._explicit
        value, mass, out, by_score = sums(z, graph, pairs, weight)
        mass = mass if mass > 0 else 1
        if value_only():
            return Update(value / mass)
        message = self.alignment.pull(z, graph, pairs, by_score).sub_(out[: z.size(0)])  # the bank receives nothing
        return Update(value / mass, message.div_(mass))

    def _rule(
        self, z: Tensor, graph: ContrastGraph, pairs: PositivePairs, weight: Tensor
    ) -> tuple[Tensor, float, Tensor, Tensor]:
        """Sum and weight of all triplets, and gradients of the sum by all candidates and by the scores of positives."""
        (source, target), nodes = pairs.edge_index, self.candidates(z, graph)
        total, mass, out, by_score = z.new_zeros(()), 0.0, torch.zeros_like(nodes), torch.zeros_like(weight)
        for block in negative_blocks(z, graph, graph.negatives):
            place = torch.full_like(graph.sample, -1)
            anchors = torch.arange(z.size(0), device=z.device) if block.anchors is None else block.anchors
            place[anchors] = torch.arange(anchors.numel(), device=z.device)
            of = (place[target] >= 0).nonzero().view(-1)
            owner, ends = place[target[of]], (target[of], source[of])
            q, (_, k) = torch.cat([nodes[end] for end in ends], dim=1), block.ends(z)
            found = PairSum(
                q,
                torch.cat([k, k], dim=1),
                self.nearer,
                weight[of],
                threshold=self.margin - pairs.score[of],
                exclude=None if block.groups is None else (block.groups[0][owner], block.groups[1]),
                exclude_pairs=None if block.pairs is None else _of_queries(block.pairs, owner, anchors.numel()),
                impl=self.impl,
            )
            total, mass = total + (weight[of] * found.value).sum(), mass + float((weight[of] * found.count).sum())
            if value_only():
                continue
            for end, to_end in zip(ends, found.to_q.chunk(2, dim=1)):
                out.index_add_(0, end, to_end)
            by_score[of] -= found.by_threshold
            if block.bank is None:
                to_k = sum(found.to_k.chunk(2, dim=1))
                out.index_add_(0, anchors if block.symmetric else _nodes(block.candidates, z), to_k)
        return total, mass, out, by_score

    def _explicit(
        self, z: Tensor, graph: ContrastGraph, pairs: PositivePairs, weight: Tensor
    ) -> tuple[Tensor, float, Tensor, Tensor]:
        """As :meth:`_rule`, for negatives that are edges: triplets are listed, so many at a time as fit."""
        (source, target), nodes = pairs.edge_index, self.candidates(z, graph)
        total, mass, out, by_score = z.new_zeros(()), 0.0, torch.zeros_like(nodes), torch.zeros_like(weight)
        negative, edge = _of_queries(explicit_negatives(graph).flip(0), target, z.size(0)).flip(0)
        for part in slices(edge.numel(), edges_at_once(z)):
            e, j = edge[part], negative[part]
            a, b = torch.cat([nodes[target[e]], nodes[source[e]]], dim=1), nodes[j].repeat(1, 2)
            value, slope, by = self.nearer.evaluate_above(self.nearer.rows(a, b), self.margin - pairs.score[e])
            total, mass = total + (weight[e] * value).sum(), mass + float(weight[e].sum())
            if value_only():
                continue
            by_score.index_add_(0, e, weight[e] * by, alpha=-1)
            to_anchor, to_positive = self.nearer.pull_rows(slope * weight[e], a, b).chunk(2, dim=1)
            out.index_add_(0, target[e], to_anchor).index_add_(0, source[e], to_positive)
            out.index_add_(0, j, to_anchor + to_positive, alpha=-1)  # distances do not change when both ends move
        return total, mass, out, by_score


def _nodes(index: Tensor | None, z: Tensor) -> Tensor:
    return torch.arange(z.size(0), device=z.device) if index is None else index


def _of_queries(pairs: Tensor, owner: Tensor, anchors: int) -> Tensor:
    """Pairs of an anchor and something else, as pairs of each query that an anchor owns and the same [2, e].

    Args:
        pairs (Tensor): Anchors and what belongs to them [2, p].
        owner (Tensor): The anchor of each query [q].
        anchors (int): The number of anchors.
    """
    order, count = torch.argsort(owner, stable=True), torch.bincount(owner, minlength=anchors)
    start, number = (count.cumsum(0) - count)[pairs[0]], count[pairs[0]]
    first = (number.cumsum(0) - number).repeat_interleave(number)
    rank = torch.arange(first.numel(), device=owner.device) - first + start.repeat_interleave(number)
    return torch.stack([order[rank], pairs[1].repeat_interleave(number)])
