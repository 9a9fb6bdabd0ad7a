"""Counts of the true and false negatives that a rule removes and leaves."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.utils import coalesce

from gnnclr.graph.check_graph import check_graph
from gnnclr.graph.communities.modularity import modularity
from gnnclr.graph.communities.rule import CommunityRule
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.explicit_negatives import explicit_negatives, extra_negatives
from gnnclr.graph.pair_exceptions import pair_log_weight
from gnnclr.graph.partition import check_community, contiguous, joint, of_nodes
from gnnclr.ops.check import check_matrix, describe
from gnnclr.ops.labels import UNLABELED, class_labels
from gnnclr.ops.tiles import slices


@dataclass(frozen=True)
class NegativeQuality:
    """Shares of the pairs of an anchor and a candidate of another sample, where a pair of weight :math:`w` is taken
    away to the part :math:`1 - w`.

    Args:
        precision (float): Of what was taken away, the share with the anchor's label; NaN where nothing was.
        recall (float): Of the pairs with one label, the share that was taken away; NaN where there are none.
        false_negative_rate (float): Of the negatives left, by weight, the share with the anchor's label.
        base_rate (float): The same share before anything was taken away.
        removed (float): The share of all pairs that was taken away.
        modularity (float, optional): Modularity of the communities, where they and edges were given.
    """

    precision: float
    recall: float
    false_negative_rate: float
    base_rate: float
    removed: float
    modularity: float | None = None

    def __str__(self) -> str:
        rows = [
            ("pairs removed", self.removed),
            ("precision", self.precision),
            ("recall", self.recall),
            ("false negatives before", self.base_rate),
            ("false negatives left", self.false_negative_rate),
        ]
        if self.modularity is not None:
            rows.append(("modularity", self.modularity))
        return "\n".join(f"{name:22} {value:7.4f}" for name, value in rows)


def negative_quality(
    rule: ContrastGraph | Callable[[ContrastGraph], ContrastGraph],
    labels: Tensor,
    *,
    x: Tensor | None = None,
    edge_index: Tensor | None = None,
    community: Tensor | None = None,
) -> NegativeQuality:
    r"""Compares the negatives of a graph, or those that a rewiring leaves of two plain views of all samples, with
    labels.

    Exclusion is counted in tables of groups and labels, in time and memory linear in nodes and edges. Weights are
    summed tile by tile, in linear memory. The views of a sample and rows of a bank are no pairs here, and a sample
    whose label is missing (``-1``, or NaN) is in no pair: nobody knows which of its negatives are false.

    Args:
        rule (ContrastGraph or callable): The negatives to judge: a graph, or a rewiring, such as a community-aware
            rule, neighbors as positives, or a composition of them.
        labels (Tensor): The label of each sample of the data [N], ``-1`` where it is missing. A diagnostic: choosing a
            rule by it uses labels.
        x (Tensor, optional): Embeddings of the samples [N, d], for a rewiring that looks at them.
            (default: ``None``)
        edge_index (Tensor, optional): Edges between samples [2, e], for the modularity. (default: ``None``)
        community (Tensor, optional): The community of each sample [N], for the modularity. (default: that of the rule)

    Raises:
        ValueError: If labels are not one class for each sample, or ``rule`` is neither a graph nor a rewiring, or
            needs embeddings and has none.
    """
    labels = class_labels("labels", labels)
    if community is None and isinstance(rule, CommunityRule):
        community = rule.community
    score = None
    if edge_index is not None and community is not None:
        score = modularity(edge_index, check_community("community", community))
    if not isinstance(rule, ContrastGraph):
        if not callable(rule):
            raise ValueError(f"'rule' must be a ContrastGraph or a rewiring of one (got {describe(rule)})")
        if x is not None:
            x = check_matrix("x", x, finite=True, rows=labels.numel()).detach().repeat(2, 1)
        sample = torch.arange(labels.numel(), device=labels.device)
        view = torch.cat([torch.zeros_like(sample), torch.ones_like(sample)])
        rule = rule(ContrastGraph(x, sample=sample.repeat(2), view=view))
    graph = check_graph(rule)
    label = of_nodes("labels", labels, graph)
    pairs = _Pairs(graph, contiguous(label), label != UNLABELED)
    every, same = pairs.possible()
    left, left_same = pairs.left(every, same)
    return NegativeQuality(
        precision=_ratio(same - left_same, every - left),
        recall=_ratio(same - left_same, same),
        false_negative_rate=_ratio(left_same, left),
        base_rate=_ratio(same, every),
        removed=_ratio(every - left, every),
        modularity=score,
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


class _Pairs:
    """Sums over the pairs of a graph: of all, and of those with one label."""

    def __init__(self, graph: ContrastGraph, label: Tensor, known: Tensor):
        self.graph, self.rule, self.label = graph, graph.negatives, label
        self.known = known
        self.sides = [side for side in self.rule.sides(graph) if not side.of_bank]

    def possible(self) -> tuple[int, int]:
        """Pairs of different samples in the scope of the rule."""
        sample = self.graph.sample
        return self._equal() - self._equal(sample), self._equal(self.label) - self._equal(self.label, sample)

    def left(self, every: int, same: int) -> tuple[float, float]:
        """What is left of them, by weight."""
        left, left_same = self._left_by_rule(every, same)
        extra, extra_same = self._sum_extra()
        return left + extra, left_same + extra_same

    def _left_by_rule(self, every: int, same: int) -> tuple[float, float]:
        if self.graph.negative_index is not None:
            pairs = explicit_negatives(self.graph)
            return self._sum_listed(pairs, pair_log_weight(self.graph, pairs, torch.float64))
        if self.rule.log_weight is not None:
            return self._sum_tiles()
        group, sample = self.rule.groups(self.graph), self.graph.sample
        lost = self._equal(group) - self._equal(group, sample)
        lost_same = self._equal(group, self.label) - self._equal(group, self.label, sample)
        edges, edges_same = self._sum_edges(self.rule.listed(self.graph), group)
        return every - lost - edges, same - lost_same - edges_same

    def _equal(self, *keys: Tensor) -> int:
        """The number of anchors and candidates in scope that are equal in all keys."""
        cell, n, total = joint(torch.zeros_like(self.label), *keys), self.label.numel(), 0
        for side in self.sides:
            masks = (self.known if mask is None else self.known & mask for mask in (side.anchors, side.candidates))
            anchors, candidates = (torch.bincount(cell[mask], minlength=n) for mask in masks)
            total += int((anchors * candidates).sum())
        return total

    def _sum_extra(self) -> tuple[float, float]:
        """The weight of the extra negatives between pairs in scope."""
        extra = extra_negatives(self.graph)
        return (0, 0) if extra is None else self._sum_listed(extra.index, extra.log_weight)

    def _sum_listed(self, edge_index: Tensor, log_weight: Tensor | None) -> tuple[float, float]:
        """The weight of explicit negatives between pairs in scope; one that is there twice counts twice."""
        inside = edge_index[0] < self.label.numel()
        source, target = edge_index[:, inside]
        weight = self._in_scope(source, target).double()
        if log_weight is not None:
            weight *= log_weight[inside].double().exp()
        return float(weight.sum()), float((weight * (self.label[source] == self.label[target])).sum())

    def _in_scope(self, source: Tensor, target: Tensor) -> Tensor:
        """Whether candidates and anchors are pairs of different samples in the scope of the rule."""
        keep = self.known[target] & self.known[source] & (self.graph.sample[source] != self.graph.sample[target])
        return keep & self.rule.reaches(self.graph, source, target)

    def _sum_edges(self, edge_index: Tensor, *different: Tensor) -> tuple[int, int]:
        """The number of edges between pairs in scope that differ in all of ``different``, each edge once."""
        source, target = coalesce(edge_index[:, edge_index[0] < self.label.numel()], num_nodes=self.label.numel())
        keep = self._in_scope(source, target)
        for key in different:
            keep &= key[source] != key[target]
        return int(keep.sum()), int((keep & (self.label[source] == self.label[target])).sum())

    def _sum_tiles(self) -> tuple[float, float]:
        n = self.label.numel()
        a, b = (x[:n].double() for x in self.rule.log_weight)
        group, excluded = self.rule.groups(self.graph), self.rule.listed(self.graph)
        excluded = excluded[:, excluded[0] < n]
        node = torch.arange(n, device=self.label.device)
        total = torch.zeros(2, dtype=torch.float64, device=self.label.device)
        for rows in slices(n, max(1, 2**22 // max(n, 1))):
            weight = (a[rows] @ b.t()).exp_()
            weight *= self._in_scope(node.unsqueeze(0), node[rows].unsqueeze(1))
            weight *= group[rows].unsqueeze(1) != group
            inside = excluded[:, (excluded[1] >= rows.start) & (excluded[1] < rows.stop)]
            weight[inside[1] - rows.start, inside[0]] = 0
            total[0] += weight.sum()
            total[1] += (weight * (self.label[rows].unsqueeze(1) == self.label)).sum()
        return float(total[0]), float(total[1])
