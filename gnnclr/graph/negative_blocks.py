"""The rule for negatives as blocks of anchors against candidates."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.negatives import Negatives
from gnnclr.graph.pairs import same_group
from gnnclr.ops.memo import TensorMemo

#: Positives of a node up to which blocks are remembered: what longer lists give takes too much memory to keep.
FEW = 4


@dataclass
class NegativeBlock:
    """Anchors against candidates, without the pairs that are excluded.

    Args:
        anchors (Tensor, optional): Nodes that are anchors; ``None`` for all nodes.
        candidates (Tensor, optional): Nodes that are candidates, or rows of the bank; ``None`` for all.
        bank (Tensor, optional): Rows of the bank, where those are the candidates.
        symmetric (bool): Whether anchors and candidates are the same, and so are the pairs both ways.
        groups (tuple, optional): Groups of anchors and candidates; pairs of equal group are excluded.
        pairs (Tensor, optional): Further excluded pairs [2, p], as positions among anchors and candidates.
    """

    anchors: Tensor | None
    candidates: Tensor | None
    bank: Tensor | None
    symmetric: bool
    groups: tuple[Tensor, Tensor] | None = None
    pairs: Tensor | None = None

    def of_anchors(self, x: Tensor) -> Tensor:
        """The rows of anchors, of what belongs to nodes."""
        return x if self.anchors is None else x[self.anchors]

    def of_candidates(self, x: Tensor) -> Tensor:
        """The rows of candidates, of what belongs to nodes."""
        return x if self.candidates is None else x[self.candidates]

    def ends(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings of anchors and of candidates, one object where they are the same."""
        q = self.of_anchors(z)
        return q, q if self.symmetric else self.of_candidates(z if self.bank is None else self.bank.to(z))

    def among(self, some: Tensor) -> "NegativeBlock":
        """The same candidates against those anchors that are among some nodes.

        Args:
            some (Tensor): Mask of the nodes [n].
        """
        here = some if self.anchors is None else some[self.anchors]
        index = here.nonzero().view(-1)
        anchors = index if self.anchors is None else self.anchors[index]
        groups = self.groups and (self.groups[0][index], self.groups[1])
        pairs = self.pairs
        if pairs is not None:
            anchor, candidate = pairs[:, here[pairs[0]]]
            pairs = torch.stack([(here.cumsum(0) - 1)[anchor], candidate])
        return replace(self, anchors=anchors, symmetric=False, groups=groups, pairs=pairs)

    def add(self, out: Tensor | None, z: Tensor, to_anchors: Tensor, to_candidates: Tensor | None) -> Tensor:
        """Adds what anchors and candidates receive to ``out`` [n, d]; the bank receives nothing."""
        out = _add(out, z, self.anchors, to_anchors)
        if to_candidates is None or self.bank is not None:
            return out
        return _add(out, z, self.candidates, to_candidates)


def negative_blocks(z: Tensor, graph: ContrastGraph, rule: Negatives) -> list[NegativeBlock]:
    """The blocks of a rule on a graph: one for most rules, one for each view where the scope is a view, and one for the
    bank. Ignored pairs are excluded; extra negatives are not here.

    Args:
        z (Tensor): Embeddings [n, d].
        graph (ContrastGraph): The graph.
        rule (Negatives): The rule.
    """
    edge_index, n = graph.edge_index, z.size(0)
    banked = rule.bank and graph.bank is not None and len(graph.bank) > 0
    many = graph.ignore_index is not None or (edge_index is not None and edge_index.size(1) > FEW * n)
    if banked or many:
        return _all_blocks(graph, rule, n)
    # Batches of one size have one structure, which need not be derived anew for each.
    structure = (edge_index, graph.sample, graph.view, graph.group, graph.anchor)
    blocks = _remembered(*structure, n, rule.settings)
    if rule.log_weight is None or rule.symmetric_weight:
        return blocks
    return [replace(block, symmetric=False) for block in blocks]


def are_mutual(graph: ContrastGraph, rule: Negatives) -> bool:
    """Whether nodes that repel an anchor are anchors that it repels, with the same weight: where anchors are the
    candidates, all that a rule says besides is the same both ways.

    Args:
        graph (ContrastGraph): The graph.
        rule (Negatives): The rule.
    """
    if (rule.log_weight is not None and not rule.symmetric_weight) or not rule.reaches_its_anchors(graph):
        return False
    return graph.ignore_index is None or _both_ways(graph.ignore_index, graph.num_candidates)


@TensorMemo
def _remembered(
    edge_index: Tensor | None,
    sample: Tensor,
    view: Tensor,
    group: Tensor,
    anchor: Tensor | None,
    n: int,
    settings: tuple[str, str, tuple[int, ...] | None],
) -> list[NegativeBlock]:
    """The blocks of graphs without a bank, ignored pairs and weights; not to be changed."""
    parts = {"edge_index": edge_index, "sample": sample, "view": view, "group": group, "anchor": anchor}
    rule = Negatives(*settings)
    return _all_blocks(ContrastGraph(**parts, negatives=rule, check=False), rule, n)


def _all_blocks(graph: ContrastGraph, rule: Negatives, n: int) -> list[NegativeBlock]:
    group, excluded, blocks = rule.groups(graph), rule.listed(graph), []
    if excluded.size(1):
        excluded = excluded[:, ~same_group(group, excluded)].flip(0)  # across groups, as anchor and candidate
    for block in _blocks(graph, rule):
        if block.bank is None:
            groups = block.of_anchors(group)
            block.groups = groups, groups if block.symmetric else block.of_candidates(group)
        if excluded.size(1):
            block.pairs = _local_pairs(block, excluded, n)
            if block.symmetric and graph.ignore_index is not None:
                block.symmetric = _both_ways(block.pairs, n)
        blocks.append(block)
    return blocks


def _blocks(graph: ContrastGraph, rule: Negatives) -> Iterator[NegativeBlock]:
    """The sides of a rule that have pairs, as blocks from which nothing is excluded yet."""
    symmetric_weight = rule.log_weight is None or rule.symmetric_weight
    for side in rule.sides(graph):
        bank = graph.bank.rows if side.of_bank else None
        symmetric = not side.of_bank and _equal(side.anchors, side.candidates)
        anchors = _index(side.anchors)
        candidates = anchors if symmetric else _index(side.candidates)
        if all(index is None or index.numel() for index in (anchors, candidates)):
            yield NegativeBlock(anchors, candidates, bank, symmetric and symmetric_weight)


def _equal(a: Tensor | None, b: Tensor | None) -> bool:
    return a is b or (a is not None and b is not None and torch.equal(a, b))


def _index(mask: Tensor | None) -> Tensor | None:
    """The nodes of a mask; ``None`` for all nodes."""
    return None if mask is None or bool(mask.all()) else mask.nonzero().view(-1)


def _both_ways(pairs: Tensor, n: int) -> bool:
    """Whether each pair is there in both directions."""
    one, other = (torch.unique(a * n + b) for a, b in (pairs, pairs.flip(0)))
    return torch.equal(one, other)


def _local_pairs(block: NegativeBlock, pairs: Tensor, n: int) -> Tensor:
    """Excluded pairs of a block, as positions among its anchors and candidates."""
    anchor, candidate = pairs
    m = n
    if block.bank is not None:
        m, candidate = block.bank.size(0), candidate - n
    anchor = _position(block.anchors, n, anchor.device)[anchor]
    valid = (candidate >= 0) & (candidate < m)
    candidate = _position(block.candidates, m, candidate.device)[candidate.clamp(0, m - 1)]
    return torch.stack([anchor, candidate])[:, valid & (anchor >= 0) & (candidate >= 0)]


def _position(index: Tensor | None, size: int, device: torch.device) -> Tensor:
    everywhere = torch.arange(size, device=device)
    if index is None:
        return everywhere
    return torch.full_like(everywhere, -1).index_copy_(0, index, everywhere[: index.numel()])


def _add(out: Tensor | None, z: Tensor, index: Tensor | None, x: Tensor) -> Tensor:
    """Adds ``x`` to nodes ``index``; the first addition to all nodes is taken as it is."""
    if out is None:
        if index is None:
            return x
        out = torch.zeros_like(z)
    return out.add_(x) if index is None else out.index_add_(0, index, x)
