"""The candidates of each anchor that are most similar to it."""

from typing import Any

import torch
from torch import Tensor

from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.exact import highest, tile_rows
from gnnclr.graph.explicit_negatives import explicit_negatives
from gnnclr.graph.pairs import both_ways, is_among
from gnnclr.graph.positives import first_per_target
from gnnclr.ops.check import check_choice, check_matrix, describe
from gnnclr.ops.exclusion import Exclusion
from gnnclr.ops.tiles import slices
from gnnclr.ops.unit_rows import unit_rows

#: What candidates are compared by.
FEATURES = ("x", "features")
#: How similarities to the views of a sample are joined.
SUPPORT = ("max", "mean")
#: Candidates of an anchor that are taken at most where only a threshold is given.
MOST = 128


def similar_candidates(
    graph: ContrastGraph,
    k: int | None = None,
    threshold: float | None = None,
    features: str = "x",
    support: str | None = None,
) -> Tensor:
    r"""The :math:`k` nearest candidates of each anchor by cosine similarity, as candidate and anchor [2, e]; grouped by
    anchor in ascending order, nearest first.

    With a ``support`` the similarity of a candidate is the largest or the mean one to all views of the anchor's sample,

    .. math:: s_{ij} = \operatorname*{aggregate}_{a \in \text{sample}(i)} \cos(\mathbf{x}_a, \mathbf{x}_j).

    Candidates are what may repel the anchor: nodes in the scope of the rule and rows of a bank that repels, or the
    sources of ``negative_index``; of other samples, no positives, and not ignored already. The search is exact, by
    tiles of similarities.

    Args:
        graph (ContrastGraph): The graph.
        k (int, optional): Candidates of each anchor. (default: ``None``, all above the threshold, at most 128)
        threshold (float, optional): Only candidates more similar than that. (default: ``None``)
        features (str, optional): The attribute of the graph that is compared: ``"x"``, or ``"features"``, which a bank
            has not. (default: ``"x"``)
        support (str, optional): ``"max"`` or ``"mean"`` over the views of the anchor's sample. (default: ``None``, the
            anchor alone)
    """
    check_choice("features", features, FEATURES)
    check_support(support)
    if not isinstance(graph, ContrastGraph) or graph.get(features) is None:
        raise ValueError(f"'data' must be a ContrastGraph with '{features}' (got {describe(graph)})")
    check_matrix(features, graph[features], finite=True, rows=graph.num_nodes)
    k = MOST if k is None else k
    if k == 0 or graph.num_nodes == 0:
        return graph.sample.new_empty((2, 0), dtype=torch.long)
    pool = _Pool(graph, features, support)
    with torch.no_grad(), torch.autocast(pool.rows.device.type, enabled=False):
        find = pool.search if graph.negative_index is None else pool.search_edges
        edge_index, score = find(k)
    return edge_index if threshold is None else edge_index[:, score > threshold]


def check_support(support: Any) -> str | None:
    """Returns ``support`` if similarities can be joined so, and raises a :class:`ValueError` otherwise."""
    return None if support is None else check_choice("support", support, SUPPORT)


class _Pool:
    """Nodes, and behind them rows of the bank, as candidates."""

    def __init__(self, graph: ContrastGraph, features: str, support: str | None):
        self.graph, self.n = graph, graph.num_nodes
        self.rows = unit_rows(graph[features].detach())
        # Rows of the bank are of no sample and of no group.
        self.sample, self.group = (torch.unique(graph[name], return_inverse=True)[1] for name in ("sample", "group"))
        if features == "x" and graph.bank is not None:
            none = self.sample.new_full((len(graph.bank),), -1)
            self.rows = torch.cat([self.rows, unit_rows(graph.bank.rows.detach()).to(self.rows)])
            self.sample, self.group = torch.cat([self.sample, none]), torch.cat([self.group, none])
        self.queries = self._queries(support)

    def _queries(self, support: str | None) -> list[Tensor]:
        """Rows for each node [n, d]; a score is the largest product of a candidate with them."""
        rows = self.rows[: self.n]
        if support is None or self.n == 0:
            return [rows]
        sample = self.sample[: self.n]
        if support == "mean":
            count = torch.bincount(sample).to(rows).unsqueeze(1)
            return [(torch.zeros_like(rows[: len(count)]).index_add_(0, sample, rows) / count)[sample]]
        order = torch.argsort(sample, stable=True)
        size = torch.bincount(sample)
        start = (size.cumsum(0) - size)[sample]
        # Where a sample has fewer views than others its last one stands for those that are missing.
        return [rows[order[start + (size[sample] - 1).clamp(max=v)]] for v in range(int(size.max()))]

    def _scores(self, anchor: Tensor, rows: Tensor) -> Tensor:
        """The similarities of anchors and rows."""
        score = self.queries[0][anchor] @ rows.t()
        for query in self.queries[1:]:
            torch.maximum(score, query[anchor] @ rows.t(), out=score)
        return score

    def search(self, k: int) -> tuple[Tensor, Tensor]:
        """The nearest candidates that the rule reaches, and their similarities."""
        graph, rule, device = self.graph, self.graph.negatives, self.rows.device
        column = rule.reached(graph)[: self.rows.size(0)].nonzero().view(-1)
        anchor = torch.arange(self.n, device=device) if graph.anchor is None else graph.anchor.nonzero().view(-1)
        rows, sample, group = (x[column] for x in (self.rows, self.sample, self.group))
        listed = Exclusion(None, None, self._positions(anchor, column))
        edges, scores = [], []
        for part in slices(anchor.numel(), tile_rows(column.numel(), device)):
            at = anchor[part].unsqueeze(1)
            skip = (self.sample[at] == sample).logical_or_(self.group[at] == group)
            skip |= ~rule.reaches(graph, column, at)
            listed.mask_(skip, part, slice(0, column.numel()), True)
            score, index = highest(self._scores(anchor[part], rows), k, skip)
            found = index >= 0
            edges.append(torch.stack([column[index[found]], at.expand_as(index)[found]]))
            scores.append(score[found])
        if not edges:
            return column.new_empty(2, 0), self.rows.new_empty(0)
        return torch.cat(edges, dim=1), torch.cat(scores)

    def search_edges(self, k: int) -> tuple[Tensor, Tensor]:
        """The nearest candidates among explicit negatives, each once, and their similarities."""
        graph, total = self.graph, self.graph.num_candidates
        source, target = explicit_negatives(graph)
        code = torch.unique(target * total + source)
        edge_index = torch.stack([code % total, code // total])
        edge_index = edge_index[:, edge_index[0] < self.rows.size(0)]
        source, target = edge_index
        keep = (self.sample[source] != self.sample[target]) & (self.group[source] != self.group[target])
        keep &= ~is_among(edge_index, self._listed(), self.n)
        source, target = edge_index = edge_index[:, keep]
        score = self.rows.new_empty(target.numel())
        for part in slices(target.numel(), max(1, 2**22 // self.rows.size(1))):
            row = self.rows[source[part]]
            each = [torch.linalg.vecdot(row, query[target[part]]) for query in self.queries]
            score[part] = torch.stack(each).amax(dim=0)
        order = torch.argsort(score, descending=True, stable=True)
        order = order[torch.argsort(target[order], stable=True)]
        order = order[first_per_target(target[order], k)]
        return edge_index[:, order], score[order]

    def _listed(self) -> Tensor:
        """Positives in both directions, and ignored pairs, as candidate and anchor."""
        parts = [self.sample.new_empty(2, 0)]
        if self.graph.edge_index is not None:
            parts.append(both_ways(self.graph.edge_index, self.n))
        if self.graph.ignore_index is not None:
            parts.append(self.graph.ignore_index)
        return torch.cat(parts, dim=1)

    def _positions(self, anchor: Tensor, column: Tensor) -> Tensor:
        """Listed pairs as positions among anchors and columns."""
        pairs, index = [], self._listed().flip(0)
        for node, size, at in zip(index, (self.n, self.graph.num_candidates), (anchor, column)):
            position = torch.full((size,), -1, dtype=torch.long, device=at.device)
            position[at] = torch.arange(at.numel(), device=at.device)
            pairs.append(position[node])
        pairs = torch.stack(pairs)
        return pairs[:, (pairs >= 0).all(dim=0)]
