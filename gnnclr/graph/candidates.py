"""The candidates of each anchor that are most similar to it."""

import torch
from torch import Tensor

from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.exact import nearest, tile_rows
from gnnclr.graph.explicit_negatives import explicit_negatives
from gnnclr.graph.pairs import both_ways, is_among
from gnnclr.graph.positives import first_per_target
from gnnclr.ops.check import check_choice, check_matrix, describe
from gnnclr.ops.exclusion import Exclusion
from gnnclr.ops.tiles import slices
from gnnclr.ops.unit_rows import unit_rows

#: What candidates are compared by.
FEATURES = ("x", "features")
#: Candidates of an anchor that are taken at most where only a threshold is given.
MOST = 128


def similar_candidates(
    graph: ContrastGraph, k: int | None = None, threshold: float | None = None, features: str = "x"
) -> Tensor:
    r"""The :math:`k` nearest candidates of each anchor by cosine similarity, as candidate and anchor [2, e]; grouped by
    anchor in ascending order, nearest first.

    Candidates are what may repel the anchor: nodes in the scope of the rule and rows of a bank that repels, or the
    sources of ``negative_index``; of other samples, no positives, and not ignored already. The search is exact, by
    tiles of similarities.

    Args:
        graph (ContrastGraph): The graph.
        k (int, optional): Candidates of each anchor. (default: ``None``, all above the threshold, at most 128)
        threshold (float, optional): Only candidates more similar than that. (default: ``None``)
        features (str, optional): The attribute of the graph that is compared: ``"x"``, or ``"features"``, which a bank
            has not. (default: ``"x"``)
    """
    check_choice("features", features, FEATURES)
    if not isinstance(graph, ContrastGraph) or graph.get(features) is None:
        raise ValueError(f"'data' must be a ContrastGraph with '{features}' (got {describe(graph)})")
    check_matrix(features, graph[features], finite=True, rows=graph.num_nodes)
    k = MOST if k is None else k
    if k == 0 or graph.num_nodes == 0:
        return graph.sample.new_empty((2, 0), dtype=torch.long)
    pool = _Pool(graph, features)
    with torch.no_grad(), torch.autocast(pool.rows.device.type, enabled=False):
        find = pool.search if graph.negative_index is None else pool.search_edges
        edge_index, score = find(k)
    return edge_index if threshold is None else edge_index[:, score > threshold]


class _Pool:
    """Nodes, and behind them rows of the bank, as candidates."""

    def __init__(self, graph: ContrastGraph, features: str):
        self.graph, self.n = graph, graph.num_nodes
        self.rows = unit_rows(graph[features].detach())
        # Rows of the bank are of no sample and of no group.
        self.sample, self.group = (torch.unique(graph[name], return_inverse=True)[1] for name in ("sample", "group"))
        if features == "x" and graph.bank is not None:
            none = self.sample.new_full((len(graph.bank),), -1)
            self.rows = torch.cat([self.rows, unit_rows(graph.bank.rows.detach()).to(self.rows)])
            self.sample, self.group = torch.cat([self.sample, none]), torch.cat([self.group, none])

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
            score, index = nearest(self.rows[anchor[part]], rows, k, True, skip)
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
            score[part] = torch.linalg.vecdot(self.rows[source[part]], self.rows[target[part]])
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
