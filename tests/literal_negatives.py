"""Random graphs, and what a rule and a layer mean on them: pair by pair, in dense sums that autograd differentiates."""

import math

import torch
from contracts.loss import unit

from gnnclr.graph import Bank, ContrastGraph, ExtraNegatives, Negatives
from gnnclr.graph.pairs import group_pairs


def random_graph(seed: int) -> ContrastGraph:
    """A small graph that may have every part, each about every second time."""
    draw = torch.Generator().manual_seed(seed)

    def number(low, high):
        return int(torch.randint(low, high + 1, (), generator=draw))

    def some(value, chance=0.5):
        return value() if float(torch.rand((), generator=draw)) < chance else None

    def real(*size):
        return torch.randn(*size, generator=draw, dtype=torch.float64)

    def pairs(count, total):
        return torch.stack([torch.randint(0, size, (count,), generator=draw) for size in (total, n)])

    samples, views, m = number(2, 4), number(1, 3), number(0, 4)
    n, total = samples * views, samples * views + m
    order = torch.randperm(n, generator=draw)
    sample = torch.arange(samples).repeat(views)[order]
    view = torch.arange(views).repeat_interleave(samples)[order]
    group = some(lambda: torch.randint(0, samples, (n,), generator=draw))
    edges = [group_pairs(sample), pairs(number(0, 2 * n), total)]
    edges = torch.unique(torch.cat(edges[number(0, 1) :][: number(1, 2)], dim=1), dim=1)
    edges = some(lambda: edges[:, edges[0] != edges[1]], 0.75)
    rule = Negatives(
        scope=("all", "other", "same")[number(0, 2)],
        exclude=("positives", "group", "sample", "self")[number(0, 3)],
        candidates=some(lambda: tuple(range(number(0, 1), number(0, views))), 0.3),
        bank=bool(number(0, 3)),
        log_weight=some(lambda: (real(n, 2), real((n, total)[number(0, 1)], 2)), 0.4),
    )
    e = number(1, 9)
    return ContrastGraph(
        x=unit(real(n, 3)),
        edge_index=edges,
        edge_weight=None if edges is None else some(lambda: real(edges.size(1)).abs() * pairs(edges.size(1), 4)[0]),
        sample=sample,
        view=view,
        group=group,
        anchor=some(lambda: torch.rand(n, generator=draw) < 0.7),
        negatives=rule,
        negative_index=some(lambda: pairs(number(0, 3 * n), total), 0.2),
        bank=None
        if m == 0
        else Bank(
            unit(real(m, 3)),
            view=some(lambda: torch.randint(-1, views, (m,), generator=draw)),
            candidate=some(lambda: torch.rand(m, generator=draw) < 0.7),
        ),
        ignore_index=some(lambda: pairs(number(0, 2 * n), total)),
        extra=some(lambda: ExtraNegatives(pairs(e, total), some(lambda: real(e)), some(lambda: real(e)))),
    )


def table(graph: ContrastGraph, of_pair) -> torch.Tensor:
    """A function of candidate and anchor, for all pairs [n, n + m]."""
    n, total = graph.num_nodes, graph.num_candidates
    return torch.tensor([[of_pair(j, i) for j in range(total)] for i in range(n)]).view(n, total)


def in_scope(graph: ContrastGraph) -> torch.Tensor:
    """Whether a node is an anchor, and a candidate one that it reaches [n, n + m]."""
    rule, n, bank = graph.negatives, graph.num_nodes, graph.bank
    view, anchor = graph.view.tolist(), [True] * n if graph.anchor is None else graph.anchor.tolist()
    if bank is not None:
        view += [None] * len(bank) if bank.view is None else bank.view.tolist()
        candidate = [True] * len(bank) if bank.candidate is None else bank.candidate.tolist()

    def of_pair(j, i):
        if j < n:
            may_repel = rule.candidates is None or view[j] in rule.candidates
        else:
            may_repel = rule.bank and candidate[j - n]
        in_view = rule.scope == "all" or view[j] is None or (view[j] == view[i]) == (rule.scope == "same")
        return anchor[i] and may_repel and in_view

    return table(graph, of_pair)


def is_positive(graph: ContrastGraph) -> torch.Tensor:
    """Whether candidate and anchor are the ends of an edge, in either direction [n, n + m]."""
    edges = set() if graph.edge_index is None else set(map(tuple, graph.edge_index.t().tolist()))
    return table(graph, lambda j, i: (j, i) in edges or (i, j) in edges)


def is_ignored(graph: ContrastGraph) -> torch.Tensor:
    """Whether a pair is to be ignored [n, n + m]."""
    pairs = set() if graph.ignore_index is None else set(map(tuple, graph.ignore_index.t().tolist()))
    return table(graph, lambda j, i: (j, i) in pairs)


def repels(graph: ContrastGraph) -> torch.Tensor:
    """Whether a candidate repels an anchor by the rule [n, n + m]."""
    rule, n = graph.negatives, graph.num_nodes
    groups = {"positives": graph.group, "group": graph.group, "sample": graph.sample, "self": torch.arange(n)}
    group = groups[rule.exclude].tolist()
    of_one_group = table(graph, lambda j, i: i == j or (j < n and group[i] == group[j]))
    out = in_scope(graph) & ~is_ignored(graph) & ~of_one_group
    return out & ~is_positive(graph) if rule.exclude == "positives" else out


class Literal:
    """Energies of layers on a graph, from a table of pairs that repel.

    Args:
        graph (ContrastGraph): The graph.
        count (Tensor): How often each candidate repels each anchor, extra negatives aside [n, n + m].
    """

    def __init__(self, graph: ContrastGraph, count: torch.Tensor):
        self.graph, self.count, n = graph, count.double(), graph.num_nodes
        self.log_weight = torch.zeros_like(self.count)
        if graph.negatives.log_weight is not None:
            a, b = graph.negatives.log_weight
            self.log_weight[:, : b.size(0)] = a @ b.t()
        self.extra = self.scale = self.extra_log_weight = None
        if graph.extra is not None:
            source, target = graph.extra.index
            keep = source != target if graph.anchor is None else (source != target) & graph.anchor[target]
            extra = graph.extra.keep(keep)
            none = torch.zeros(len(extra), dtype=torch.float64)
            self.extra = extra.index
            self.scale = none + 1 if extra.scale is None else extra.scale
            self.extra_log_weight = none if extra.log_weight is None else extra.log_weight
        source, target = graph.positives
        weight = torch.ones(source.numel()).double() if graph.edge_weight is None else graph.edge_weight
        self.weight = torch.zeros_like(self.count).index_put_((target, source), weight, accumulate=True)
        if graph.anchor is not None:
            self.weight = self.weight * graph.anchor.unsqueeze(1)
        total = self.weight.sum(dim=1, keepdim=True)
        self.share = self.weight / total.where(total > 0, 1)  # of a positive among those of its anchor
        self.anchors = (total.view(-1) > 0).double()
        self.n = n

    def nodes(self, z):
        return z if self.graph.bank is None else torch.cat([z, self.graph.bank.rows])

    def sums(self, z, sharpness):
        """The weighted sum of exponentials of each anchor's negatives [n]."""
        s = z @ self.nodes(z).t() * sharpness
        total = (self.count * (s + self.log_weight).exp()).sum(dim=1)
        if self.extra is not None:
            source, target = self.extra
            more = (self.scale * s[target, source] + self.extra_log_weight).exp()
            total = total.index_add(0, target, more)
        return total

    def lse(self, z, sharpness):
        total = self.sums(z, sharpness)
        return torch.where(total > 0, total.where(total > 0, 1).log(), -math.inf)

    def mean(self, of_pairs):
        """The mean over anchors of the weighted mean over their positives."""
        return (self.share * of_pairs).sum() / max(float(self.anchors.sum()), 1)

    def uniformity(self, z, tau, owners=None):
        lse = self.lse(z, 1 / tau)
        some = lse > -math.inf if owners is None else (lse > -math.inf) & (owners > 0)
        return lse.masked_fill(~some, 0).sum() / max(int(some.sum()), 1)

    def contrast(self, z, tau, denominator):
        s, lse = z @ self.nodes(z).t() / tau, self.lse(z, 1 / tau).unsqueeze(1)
        if denominator == "none":
            return self.uniformity(z, tau, self.anchors) - self.mean(s)
        if denominator == "pair":
            return self.mean(torch.nn.functional.softplus(lse - s, threshold=50))
        everything = self.sums(z, 1 / tau) + ((self.share > 0) * s.exp()).sum(dim=1)
        return self.mean(everything.where(everything > 0, 1).log().unsqueeze(1) - s)

    def hard(self, z, tau, beta, tau_plus):
        s, mass = z @ self.nodes(z).t() / tau, self.sums(z, 0.0).detach()
        some = mass > 0
        mean = self.sums(z, (1 + beta) / tau) / self.sums(z, beta / tau).where(some, 1)
        negative = (mass * mean).unsqueeze(1) - tau_plus * mass.unsqueeze(1) * s.exp()
        floor = (mass * math.exp(-1 / tau)).unsqueeze(1)
        return self.mean(torch.log1p(torch.maximum(negative / (1 - tau_plus), floor) / s.exp()))

    def walk(self, z, tau):
        s, one, two = z @ self.nodes(z).t() / tau, self.sums(z, 1 / tau), self.sums(z, 2 / tau)
        everything = one + ((self.share > 0) * s.exp()).sum(dim=1)
        everything = everything.where(everything > 0, 1)
        miss = (s.exp() / everything.unsqueeze(1) - self.share).square() * (self.share > 0)
        each = two / everything.square() + miss.sum(dim=1)
        return (each * self.anchors).sum() / max(float(self.anchors.sum()), 1)

    def gaussian(self, z, t):
        total, mass, energies = self.sums(z, 2 * t), self.sums(z, 0.0), []
        for v in self.graph.view.unique():
            own = (self.graph.view == v) & (total > 0)
            if own.any():
                energies.append((total[own].sum() / mass[own].sum()).log() - 2 * t)
        return torch.stack(energies).mean() if energies else (z * 0).sum()

    def distances(self, z):
        gap = z.unsqueeze(1) - self.nodes(z)
        own = torch.eye(gap.size(1), dtype=torch.bool)[: self.n]
        return gap.square().sum(dim=2).masked_fill(own, 1).sqrt()

    def potential(self, z):
        kernel = (-2 * (z.unsqueeze(1) - self.nodes(z)).square().sum(dim=2)).exp()
        return (self.count * kernel).sum() / self.count.sum().clamp(min=1)

    def triplet(self, z, margin, positives):
        d = self.distances(z)
        weight = self.weight if positives == "all" else self.anchors.unsqueeze(1)
        near = d if positives == "all" else (self.share * d).sum(dim=1, keepdim=True)
        hinge = (near.unsqueeze(2) - d.unsqueeze(1) + margin).clamp(min=0)
        mass = (weight.unsqueeze(2) * self.count.unsqueeze(1)).sum()
        total = (weight.unsqueeze(2) * self.count.unsqueeze(1) * hinge).sum()
        return total / mass.where(mass > 0, 1)
