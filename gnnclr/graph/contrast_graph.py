"""The class of a batch's graph: embeddings as nodes, positives as edges, and a rule for who repels."""

from collections.abc import Callable
from copy import copy
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from gnnclr.graph.bank import Bank
from gnnclr.graph.check_graph_parts import GROUPS, INDICES, check_graph_parts
from gnnclr.graph.extra_negatives import ExtraNegatives
from gnnclr.graph.negatives import Negatives
from gnnclr.graph.pairs import group_pairs
from gnnclr.ops.check import as_int64, check_count, check_matrix, describe
from gnnclr.ops.processes.own_rows import OwnRows
from gnnclr.ops.tensor_group import TensorGroup

#: Parts that read as ``None`` when absent, as PyG does for 'x' or 'y'.
OPTIONAL = (
    "edge_index",
    "edge_weight",
    "anchor",
    "anchor_weight",
    "reduction",
    "negative_index",
    "bank",
    "ignore_index",
    "extra",
    "features",
    "own_rows",
)


class ContrastGraph(Data):
    r"""A contrastive batch as a graph: nodes are embeddings of views, edges are positives, a rule says who repels.

    Args:
        x (Tensor, optional): Embeddings of all views. Layers take embeddings of their own, so a graph may come without.
        edge_index (Tensor, optional): Positives: ``edge_index[0]`` attracts ``edge_index[1]``, the anchor. Sources from
            ``num_nodes`` on are rows of ``bank``. Without edges positives are implicit: all pairs of a ``group``; see
            :attr:`positives`. A node is no positive of itself: self-loops are refused. (default: ``None``)
        edge_weight (Tensor, optional): Relative weight of each positive among those of its anchor. One of weight zero
            neither attracts nor repels, and an anchor that has no others has no loss. (default: equal weights)
        sample (Tensor, optional): The sample each node is a view of. (default: every node its own)
        view (Tensor, optional): Which view each node is. (default: all view 0)
        group (Tensor, optional): Nodes of one group are positives of each other, and so no negatives. (default:
            ``sample``)
        anchor (Tensor, optional): Mask of the nodes that have a loss of their own. (default: all)
        anchor_weight (Tensor, optional): The weight of each node's loss among those of all anchors. (default: equal
            weights)
        reduction (str, optional): ``"mean"``, where an energy is the weighted mean over anchors, and weights are not
            negative; or ``"sum"``, where it is the sum of weights times losses: weights may have any sign, and get a
            gradient if they require one. (default: ``"mean"``)
        negatives (Negatives, optional): The rule for the pairs that repel. (default: ``Negatives()``)
        negative_index (Tensor, optional): Explicit negatives [2, e]: candidate and anchor. Given, they replace the
            rule's pairs. (default: ``None``)
        bank (Bank or Tensor, optional): Constant nodes that anchors have as candidates; a tensor is a bank of these
            rows. (default: ``None``)
        ignore_index (Tensor, optional): Pairs of candidate and anchor that are no negatives, whatever the rule or
            ``negative_index`` says. (default: ``None``)
        extra (ExtraNegatives or Tensor, optional): Further negatives beside those of the rule or of
            ``negative_index``; a tensor is the pairs of candidate and anchor alone. A pair that is ignored and extra is
            a negative of another weight. (default: ``None``)
        features (Tensor, optional): Features of the nodes before the projection, detached. (default: ``None``)
        sample_id (Tensor, optional): The row of each node's sample in the data set, of which a batch has a part; rules
            that are made of all samples find theirs by it. (default: ``None``, ``sample`` is that)
        num_nodes (int, optional): The number of nodes. (default: rows of the first that is given of ``x``, ``sample``,
            ``group`` and ``view``)
        check (bool, optional): Whether to check all parts. (default: ``True``)

    Where several processes share the nodes of a graph, ``own_rows``, an
    :class:`~gnnclr.ops.processes.own_rows.OwnRows`, is assigned and says which are this process's.

    Indices, samples, views and groups may be integers of any size; they are kept as int64, also those that are assigned
    later. Attributes of your own are assigned: ``graph.name = value``.

    Shapes:
        - ``x`` :math:`(n, d)`, ``edge_index`` :math:`(2, e)`, ``edge_weight`` :math:`(e)`, ``sample``, ``view``,
          ``group``, ``anchor``, ``anchor_weight``, ``sample_id`` :math:`(n)`, ``bank`` :math:`(m, d)`,
          ``negative_index``, ``ignore_index``, ``extra`` :math:`(2, e)`, ``features`` :math:`(n, D)`
    """

    sample: Tensor
    group: Tensor
    anchor: Tensor | None
    anchor_weight: Tensor | None
    reduction: str | None
    negatives: Negatives
    negative_index: Tensor | None
    bank: Bank | None
    ignore_index: Tensor | None
    extra: ExtraNegatives | None
    features: Tensor | None
    own_rows: OwnRows | None

    def __init__(
        self,
        x: Tensor | None = None,
        edge_index: Tensor | None = None,
        edge_weight: Tensor | None = None,
        *,
        sample: Tensor | None = None,
        view: Tensor | None = None,
        group: Tensor | None = None,
        anchor: Tensor | None = None,
        anchor_weight: Tensor | None = None,
        reduction: str | None = None,
        negatives: Negatives | None = None,
        negative_index: Tensor | None = None,
        bank: Bank | Tensor | None = None,
        ignore_index: Tensor | None = None,
        extra: ExtraNegatives | Tensor | None = None,
        features: Tensor | None = None,
        sample_id: Tensor | None = None,
        num_nodes: int | None = None,
        check: bool = True,
    ):
        if num_nodes is not None:
            check_count("num_nodes", num_nodes, least=0)
        # PyG makes empty graphs when it copies or collates; nothing is derived then.
        like = next((t for t in (x, sample, group, view) if t is not None), None)
        if like is not None:
            n, options = like.size(0), {"device": like.device, "dtype": torch.long}
            sample = torch.arange(n, **options) if sample is None else sample
            view = torch.zeros(n, **options) if view is None else view
            group = sample if group is None else group
            negatives = Negatives() if negatives is None else negatives
            num_nodes = n if num_nodes is None else num_nodes
        given = {"edge_weight": edge_weight, "sample": sample, "view": view, "group": group, "negatives": negatives}
        given |= {"edge_index": edge_index, "anchor": anchor, "negative_index": negative_index, "bank": bank}
        given |= {"ignore_index": ignore_index, "extra": extra, "features": features, "sample_id": sample_id}
        given |= {"anchor_weight": anchor_weight, "reduction": reduction}
        super().__init__()
        # What assignment would do, at a fraction of its cost: a graph is made in every step.
        given = {"x": x} | given | {"num_nodes": num_nodes}
        self._store._mapping.update((key, _as_part(key, value)) for key, value in given.items() if value is not None)
        if like is not None and check:
            self.validate()

    def __getattr__(self, key: str) -> Any:
        if "_store" in self.__dict__:
            parts = self.__dict__["_store"]._mapping
            if key in parts:
                return parts[key]
        return super().__getattr__(key)

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Refuses to be collated: samples of several graphs would get the same numbers, and rules cannot be joined."""
        raise ValueError(
            f"'ContrastGraph' cannot be collated by a Batch (asked for the increment of {key!r}): a contrastive batch "
            f"is one graph already, built by augmentation_graph from the views of all samples"
        )

    def __setattr__(self, key: str, value: Any) -> None:
        super().__setattr__(key, _as_part(key, value))

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, _as_part(key, value))

    def apply(self, func: Callable[[Tensor], Tensor], *args: str) -> "ContrastGraph":
        """Applies a function to all tensors, as PyG does where it moves or copies a graph; also to those of groups."""
        return super().apply(lambda x: x.map(func) if isinstance(x, TensorGroup) else func(x), *args)

    def apply_(self, func: Callable[[Tensor], Any], *args: str) -> "ContrastGraph":
        """Applies a function that changes tensors in place to all of them, also to those of groups."""
        return super().apply_(lambda x: x.map(func) if isinstance(x, TensorGroup) else func(x), *args)

    @property
    def view(self) -> Tensor:
        """Which view each node is [n]; takes the place of the method of that name that PyG's feature stores have."""
        return self._store._mapping["view"]

    @property
    def num_candidates(self) -> int:
        """Nodes and rows of the bank together: the range of the sources of edges."""
        return self.num_nodes + (0 if self.bank is None else len(self.bank))

    @property
    def num_views(self) -> int:
        """The number of views."""
        return int(self.view.max()) + 1 if self.view.numel() else 0

    @property
    def positives(self) -> Tensor:
        r"""Lists the positives as edges [2, e]: ``edge_index``, or where that is missing all pairs of a group, sorted
        by target.

        Implicit positives are listed anew by each call, and a group of :math:`g` nodes has :math:`g (g - 1)` of them:
        few where groups are the views of a sample, quadratically many where they are classes. Layers that can sum over
        groups look at ``edge_index`` and ``group`` instead.
        """
        edge_index = self.edge_index
        return group_pairs(self.group) if edge_index is None else edge_index

    def with_edges(self) -> "ContrastGraph":
        """Returns a graph whose :attr:`positives` are its edges: itself where it has edges, else a shallow copy."""
        if self.edge_index is not None:
            return self
        graph = copy(self)
        graph.edge_index = self.positives
        return graph

    @property
    def has_positive(self) -> Tensor:
        """Mask of the nodes that have a positive [n]: one of weight zero is none."""
        if self.edge_index is not None:
            source, target = self.edge_index
            attracts = source != target
            if self.edge_weight is not None:
                attracts &= self.edge_weight > 0
            return torch.zeros_like(self.sample).index_add_(0, target, attracts.long()) > 0
        _, group, size = torch.unique(self.group, return_inverse=True, return_counts=True)
        return size[group] > 1

    def admit(self, like: Tensor | None = None, everywhere: bool = False) -> None:
        """Checks a graph that enters a layer, and raises a :class:`ValueError` that names a wrong part. What was right
        costs nothing the next time.

        Args:
            like (Tensor, optional): The embeddings that come with the graph [n, d].
            everywhere (bool, optional): Whether to look at the entries of tensors on any device. (default: ``False``,
                only on the CPU)
        """
        if torch.compiler.is_compiling():
            return _admit_compiled(self, like, everywhere)
        parts = self._store._mapping
        for name in ("sample", "view", "group", "negatives"):
            if parts.get(name) is None:
                raise ValueError(f"'graph' must be a ContrastGraph with '{name}' (got {describe(self)})")
        return check_graph_parts(parts, parts.get("num_nodes") or self.num_nodes, like, everywhere)

    def validate(self, raise_on_error: bool = True) -> bool:
        """Checks shapes and ranges of all parts, and raises a :class:`ValueError` that names the first wrong one.

        Layers check a graph themselves, and once more after parts of it were assigned or written into; of tensors on a
        GPU, for which they would have to wait, only shapes and types.
        """
        try:
            if self.x is not None:
                check_matrix("x", self.x, rows=self.num_nodes)
            self.admit(self.x, everywhere=True)
        except ValueError:
            if raise_on_error:
                raise
            return False
        return True


def _optional(name: str) -> property:
    """A part that may be absent: as PyG's own properties, and faster, as layers read parts often."""
    return property(lambda graph: graph._store._mapping.get(name))


for _name in OPTIONAL:
    setattr(ContrastGraph, _name, _optional(_name))


def _as_part(key: str, value: Any) -> Any:
    """The form in which a graph keeps a part: indices as int64, and a tensor in the place of a group as a group."""
    if key in INDICES and getattr(value, "dtype", torch.int64) != torch.int64:
        return as_int64(value)
    return GROUPS[key](value) if key in GROUPS and isinstance(value, Tensor) else value


@torch.compiler.disable  # it cannot see versions of tensors
def _admit_compiled(graph: ContrastGraph, like: Tensor | None, everywhere: bool) -> None:
    graph.admit(like, everywhere)
