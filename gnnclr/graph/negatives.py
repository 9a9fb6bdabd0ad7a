"""The rule that says which pairs repel: the scope of views, and what it excludes."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from gnnclr.graph.pairs import both_ways, is_among, same_group
from gnnclr.ops.check import check_choice, describe
from gnnclr.ops.tensor_group import TensorGroup

if TYPE_CHECKING:
    from gnnclr.graph.contrast_graph import ContrastGraph

SCOPES = ("all", "other", "same")
EXCLUSIONS = ("positives", "group", "sample", "self")


class Side(NamedTuple):
    """Anchors against the candidates that they reach, in one of a few parts of a rule: all pairs of the two."""

    anchors: Tensor | None  #: Mask of nodes [n]; ``None`` for all.
    candidates: Tensor | None  #: Mask of nodes [n], or of rows of the bank [m]; ``None`` for all.
    of_bank: bool  #: Whether the candidates are rows of the bank.


@dataclass(frozen=True, eq=False, repr=False)
class Negatives(TensorGroup):
    r"""Which pairs of an anchor and a candidate repel: a rule, never a matrix.

    The meaning of a rule stands in :meth:`allows`, pair by pair; layers walk over its :meth:`sides` instead, which are
    few.

    ====================================================  =========================================
    rule                                                  objective
    ====================================================  =========================================
    ``Negatives()``                                       NT-Xent, SupCon, GRACE: everything but positives
    ``Negatives(scope="other")``                          cross-view InfoNCE, CLIP
    ``Negatives(scope="same")``                           DHEL: negatives within the view
    ``Negatives(candidates=(1,))``, anchors of view 0     one-way InfoNCE: queries against keys
    ``Negatives(candidates=())`` with ``graph.bank``      MoCo: negatives from the bank only
    ====================================================  =========================================

    Args:
        scope (str, optional): Candidates from ``"all"`` views, from the ``"other"`` views, or from the ``"same"`` view
            as the anchor. (default: ``"all"``)
        exclude (str, optional): What is no negative of an anchor: its ``"positives"`` (nodes of its group, and both
            ends of every positive edge), nodes of its ``"group"`` alone, nodes of its ``"sample"``, or only ``"self"``.
            The anchor itself never is. (default: ``"positives"``)
        candidates (tuple, optional): Views whose nodes may be negatives. (default: all)
        bank (bool, optional): Whether rows of ``graph.bank``, if there are any, are negatives too. (default: ``True``)
        log_weight (tuple, optional): Low-rank log-weights
            :math:`\log w_{ij} = \langle \mathbf{a}_i, \mathbf{b}_j \rangle` of negatives, as two tensors
            of shape [n, r]; rows for the bank may follow in the second, without them the bank weighs one.
            (default: ``None``)
        symmetric_weight (bool, optional): States that
            :math:`\langle \mathbf{a}_i, \mathbf{b}_j \rangle = \langle \mathbf{a}_j, \mathbf{b}_i \rangle`,
            which halves the work. (default: ``False``)
    """

    scope: str = "all"
    exclude: str = "positives"
    candidates: tuple[int, ...] | None = None
    bank: bool = True
    log_weight: tuple[Tensor, Tensor] | None = None
    symmetric_weight: bool = False

    def __post_init__(self) -> None:
        check_choice("scope", self.scope, SCOPES)
        check_choice("exclude", self.exclude, EXCLUSIONS)
        views = self.candidates
        if views is not None and not (isinstance(views, tuple) and all(isinstance(view, int) for view in views)):
            raise ValueError(f"'candidates' must be a tuple of view numbers (got {describe(views)})")
        if self.log_weight is not None:
            a, b = self.log_weight
            matrices = isinstance(a, Tensor) and isinstance(b, Tensor) and a.dim() == b.dim() == 2
            if not matrices or a.size(1) != b.size(1) or a.size(0) > b.size(0):
                raise ValueError(
                    f"'log_weight' must be two tensors of one shape [n, r], with or without rows of the bank in the "
                    f"second (got {describe(a)} and {describe(b)})"
                )

    def allows(self, graph: "ContrastGraph", source: Tensor, target: Tensor) -> Tensor:
        """Tells for pairs of a candidate and an anchor whether the one repels the other: whether the anchor
        :meth:`reaches` it, and nothing excludes the pair. Pairs of one of the :meth:`groups` are excluded, and the
        :meth:`listed` ones. ``graph.negative_index`` and ``graph.extra`` are explicit pairs, of which no rule decides.

        Args:
            graph (ContrastGraph): The graph.
            source (Tensor): Candidates: nodes, or rows of the bank from ``graph.num_nodes`` on.
            target (Tensor): Anchors, of a shape that broadcasts with that of ``source``.

        Returns:
            Tensor: Booleans of the common shape.
        """
        pairs = torch.stack(torch.broadcast_tensors(source, target))
        source, target = pairs
        keep = self.reaches(graph, source, target) & (source != target)
        keep &= ~same_group(self.groups(graph), pairs)
        return keep & ~is_among(pairs, self.listed(graph), graph.num_nodes)

    def reaches(self, graph: "ContrastGraph", source: Tensor, target: Tensor) -> Tensor:
        """Tells for pairs of a candidate and a node whether the node is an anchor and the candidate in its scope,
        whatever is excluded. Arguments are those of :meth:`allows`, and broadcast where the answer depends on both."""
        keep = self.reached(graph)[source]
        if graph.anchor is not None:
            keep = keep & graph.anchor[target]
        if self.scope == "all":
            return keep
        view, bank = graph.view, graph.bank
        if bank is None:
            return keep & ((view[source] == view[target]) == (self.scope == "same"))
        anywhere = bank.view is None  # rows without views are in every scope
        view = torch.cat([view, view.new_full((len(bank),), -1) if anywhere else bank.view])
        inside = (view[source] == view[target]) == (self.scope == "same")
        return keep & (inside | (source >= graph.num_nodes) if anywhere else inside)

    def reached(self, graph: "ContrastGraph") -> Tensor:
        """Marks the nodes and the rows of the bank that some anchor may reach [n + m]."""
        nodes, bank = self._nodes(graph), graph.bank
        if nodes is None:
            nodes = torch.ones_like(graph.view, dtype=torch.bool)
        if bank is None:
            return nodes
        rows = nodes.new_ones(len(bank)) if bank.candidate is None else bank.candidate
        return torch.cat([nodes, rows & self.bank])

    def reaches_its_anchors(self, graph: "ContrastGraph") -> bool:
        """Tells whether the nodes that some anchor may reach are the anchors."""
        anchor = graph.anchor
        if self.candidates is None and anchor is None:
            return True
        nodes = self.reached(graph)[: graph.num_nodes]
        if anchor is None:
            return bool(nodes.all())
        if self.scope == "same":
            nodes = nodes & torch.isin(graph.view, graph.view[anchor])
        return bool((nodes == anchor).all())

    def sides(self, graph: "ContrastGraph") -> list[Side]:
        """Splits the pairs that :meth:`reaches` allows into a few products of anchors and candidates: one for all
        views, or one for each view where the scope is one; the same again for rows of the bank, if they repel."""
        sides = [Side(*side, False) for side in self._by_view(graph, self._nodes(graph), graph.view)]
        bank = graph.bank
        if self.bank and bank is not None and len(bank):
            sides += [Side(*side, True) for side in self._by_view(graph, bank.candidate, bank.view)]
        return sides

    def groups(self, graph: "ContrastGraph") -> Tensor:
        """Returns the groups whose nodes do not repel each other [n]."""
        if self.exclude == "self":
            return torch.arange(graph.sample.numel(), device=graph.sample.device)
        return graph.sample if self.exclude == "sample" else graph.group

    def listed(self, graph: "ContrastGraph") -> Tensor:
        """Lists the pairs of candidate and anchor that are excluded one by one [2, e]: positive edges where they are
        spared, and ``graph.ignore_index``."""
        spared, ignored = self.spared(graph), graph.ignore_index
        return spared if ignored is None else torch.cat([spared, ignored], dim=1)

    def spared(self, graph: "ContrastGraph") -> Tensor:
        """Lists the positive edges that do not repel, whatever their weight, both ways [2, e]; those of a group, where
        positives are implicit, are not listed."""
        if graph.edge_index is None or not self.spares_positives:
            return graph.sample.new_empty(2, 0)
        return both_ways(graph.edge_index, graph.sample.numel())

    @property
    def spares_positives(self) -> bool:
        """Whether the ends of a positive edge do not repel each other."""
        return self.exclude == "positives"

    @property
    def looks_at_views(self) -> bool:
        """Whether it matters to the rule which view a node is."""
        return self.scope != "all" or self.candidates is not None

    @property
    def settings(self) -> tuple[str, str, tuple[int, ...] | None]:
        """The first arguments of a rule, which decide alone where there is no bank and nothing is weighed."""
        return self.scope, self.exclude, self.candidates

    def between(self, anchors: int, candidates: int) -> "Negatives":
        """Narrows the rule to anchors of one view and candidates of another, and returns it.

        Args:
            anchors (int): The view of the anchors; the mask of the graph says that others are none.
            candidates (int): The view of the candidates.
        """
        apart = self.scope != "all" and (self.scope == "same") != (anchors == candidates)
        some = not apart and (self.candidates is None or candidates in self.candidates)
        return replace(self, candidates=(candidates,) if some else (), scope="all")

    def _nodes(self, graph: "ContrastGraph") -> Tensor | None:
        """The mask of the nodes that are candidates by their view; ``None`` for all."""
        if self.candidates is None:
            return None
        return torch.isin(graph.view, torch.tensor(self.candidates, device=graph.view.device).to(graph.view))

    def _by_view(
        self, graph: "ContrastGraph", candidate: Tensor | None, view: Tensor | None
    ) -> list[tuple[Tensor | None, Tensor | None]]:
        """Anchors and candidates that reach each other, by the views of both."""
        if self.scope == "all" or view is None:
            return [(graph.anchor, candidate)]
        sides = []
        for v in range(graph.num_views):
            anchors = graph.view == v
            candidates = anchors if view is graph.view else view == v
            candidates = candidates if self.scope == "same" else ~candidates
            sides.append((_both(graph.anchor, anchors), _both(candidate, candidates)))
        return sides

    def __repr__(self) -> str:
        default = Negatives.__dataclass_fields__
        shown = [(name, getattr(self, name)) for name in ("scope", "exclude", "candidates", "bank")]
        parts = [f"{name}={value!r}" for name, value in shown if value != default[name].default]
        if self.log_weight is not None:
            parts.append(f"log_weight=rank {self.log_weight[0].size(1)}")
        return f"{type(self).__name__}({', '.join(parts)})"


def _both(a: Tensor | None, b: Tensor) -> Tensor:
    return b if a is None else a & b
