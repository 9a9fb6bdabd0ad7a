"""The base class of losses, which a new one subclasses: the energy of a layer on the graph of a batch."""

import inspect
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gnnclr.graph import ContrastGraph, Negatives, augmentation_graph
from gnnclr.losses.gather import OF_GRAPH, loss_of_all, own_alone
from gnnclr.losses.key_memory import KeyMemory
from gnnclr.losses.loss_call import CalledLikeGraph, called_like, check_views, given_inputs, keywords, one_by_one
from gnnclr.losses.objective_card import ObjectiveCard
from gnnclr.nn import AlignmentConv, PairConv
from gnnclr.nn.each_anchor import each_anchor
from gnnclr.nn.shared_parameters import save_shared_once
from gnnclr.ops.check import (
    check_choice,
    check_constant,
    check_index,
    check_matrix,
    check_positive,
    check_values,
    check_weights,
    looks_at,
)
from gnnclr.ops.contrast_views import contrast_views, in_words
from gnnclr.ops.labels import UNLABELED, class_labels
from gnnclr.ops.unit_rows import normalize

#: What a loss may return of the losses of anchors.
REDUCTIONS = ("mean", "sum", "none")


def float_rows(x: Tensor, power: int = 1) -> Tensor:
    """Rows as they are, in float32 at least.

    Args:
        x (Tensor): Rows [n, d].
        power (int, optional): The highest power of entries in what follows. Entries whose powers, summed over features
            and pairs, may be no number of the type are refused; on a GPU, which would be waited for, they pass.
            (default: ``1``)
    """
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    if power > 1 and looks_at(x) and x.numel():
        most, largest = torch.finfo(x.dtype).max ** (1 / (power + 1)), float(x.detach().abs().amax())
        if largest > most:
            raise ValueError(
                f"'views' must have entries up to {most:.0e} in {x.dtype} for a loss that does not normalize rows (got "
                f"{largest:.0e})"
            )
    return x


def _first_that_says(cls: type, *names: str) -> int:
    """The place, among the classes that one inherits from, of the first that has one of these attributes."""
    return next(i for i, kind in enumerate(cls.__mro__) if not vars(kind).keys().isdisjoint(names))


class GraphLoss(nn.Module):
    r"""Base class of losses. A subclass names its layer, states its :attr:`card`, may say with :attr:`rule` who
    repels whom or replace :meth:`graph`, which turns a batch into a :class:`~gnnclr.graph.ContrastGraph`, and inherits

    - ``loss(z0, z1, ...)``: the loss of a batch of views, of any length, which are normalized inside; also as one
      argument, a list ``[z0, z1, ...]`` or a stack of shape ``[n, views, d]``;
    - ``loss(z0, z1, ..., labels=y)``: the same, where views of all samples of a label attract each other, in every loss
      whose positives are the views of a sample;
    - ``loss(z0, z1, ..., weight=w)``: the same, weighted: :math:`w_s` is the weight of the views of sample :math:`s`
      as anchors, a constant that is not negative, in every loss that is a mean over anchors; as negatives samples
      weigh the same;
    - ``loss(x, graph)``: the loss of stacked views ``x`` on a graph of the caller's making; rows of its bank are
      normalized too. A graph is of this process: nothing is gathered.

    A keyword that a loss does not use is refused, and so is anything beside a graph; ``None`` counts as not given.
    Losses in which each positive has a term of its own list the pairs of a label, quadratically many in its samples;
    those that add up positives (SupCon, DCL, DHEL, the spectral loss) take linear memory.

    With :math:`\ell_i` the loss of anchor :math:`i` and :math:`w_i` its weight, one without weights, ``reduction`` is

    - ``"mean"``: :math:`\sum_i w_i \ell_i / \sum_i w_i`, as in :func:`torch.nn.functional.cross_entropy`; where all
      weights are zero, so is the loss;
    - ``"sum"``: :math:`\sum_i w_i \ell_i`;
    - ``"none"``: :math:`w_i \ell_i` of each anchor, view after view, so that view :math:`v` of sample :math:`i` is at
      :math:`v n + i`; anchors without positives have zero. Anchors are all rows, or those of ``graph.anchor``, in their
      order: the queries of InfoNCE, or the first view. The gradient is exact, whatever is done with the losses, such
      as weights that are learned; values take a walk over the pairs of their own, before that of the gradient.

    With ``mean="pairs"`` the loss of an anchor is the sum over its positives, by their weights over the largest one. A
    loss that is no mean over anchors, but one over pairs, triplets or features, has neither weights nor reductions.

    How the formulas of subclasses are to be read: :math:`\operatorname{mean}_i` runs over the anchors that have
    positives; where an anchor has several positives :math:`p`, or several other views, the term of a pair is averaged
    over them first, with the weights of the graph (``edge_weight``), unless ``mean="pairs"`` is chosen.
    :math:`\operatorname{mean}_{ij}` over negatives runs over all their pairs. Negatives are those of the graph: its
    rule or its edges, and the rows of its bank. Rows may have any length that their type holds: a loss that does not
    normalize them refuses those whose powers the type cannot hold.

    Args:
        conv (PairConv): The layer whose energy the loss is.
        gather_distributed (bool, optional): Contrast with the samples of all processes. The mean over processes of what
            they return is the loss of the joined batch: each has the mean over its own anchors, scaled so, or the loss
            itself. After the averaging of
            :class:`~torch.nn.parallel.DistributedDataParallel` the gradient of the parameters equals that of one
            process on the joined batch, also when batches are uneven or one is empty, as long as all multiply the loss
            by the same factors. Processes compare what they were given before they gather: where one has other widths,
            dtypes, views or keywords, or NaN, all raise the same error, which names the argument and the rank. With
            ``reduction="sum"`` the mean over processes is the sum over the joined batch; with ``"none"`` each process
            has the losses of its own anchors.
            (default: ``False``)
        reduction (str, optional): ``"mean"``, ``"sum"`` or ``"none"``. (default: ``"mean"``)
    """

    #: What the loss is made of, in words.
    card: ClassVar[ObjectiveCard | None] = None
    #: The least number of views of a batch.
    min_views: int = 2
    #: The largest number of views of a batch, if there is one.
    max_views: int | None = None
    #: The rule for the pairs that repel in :meth:`graph`; ``None`` is everything but positives.
    rule: ClassVar[Negatives | None] = None
    #: Keywords of :meth:`graph` that hold an integer for each sample.
    per_sample: ClassVar[tuple[str, ...]] = ("labels", "community", "other_community")
    #: Whether the loss is a mean over anchors, so that each process can take its own. Others are computed on the joined
    #: batch, by every process or by all of them together.
    mean_over_anchors: bool = True
    #: Who repels whom where a batch is nothing but views, as :func:`gnnclr.ops.contrast_views` names it; such a batch
    #: needs no graph if the layer is plain. ``None`` where there is no name for it, as in a subclass that says another
    #: rule or graph and states no name.
    pairing: str | None = None
    #: Whether :meth:`graph` and :meth:`project` make each row of one row alone, as a mean over rows or a normalization
    #: of the batch does not: processes that share nodes need send no gradient then. A subclass that says another of
    #: them states it, or gradients are sent.
    row_by_row: ClassVar[bool] = True
    #: The bias of pairs that such a batch classifies.
    plain_bias: float | Tensor | None = None
    #: What has equal weight in the mean over positive pairs, ``"anchors"`` or ``"pairs"``.
    mean: str = "anchors"

    def __init__(self, conv: PairConv, gather_distributed: bool = False, reduction: str = "mean"):
        super().__init__()
        self.conv: PairConv = conv
        self.gather_distributed: bool = gather_distributed
        self.reduction: str = check_choice("reduction", reduction, REDUCTIONS)
        if reduction != "mean" and not self.per_anchor:
            raise ValueError(
                f"'reduction' must be 'mean' for {type(self).__name__}, no mean over anchors (got {reduction!r})"
            )
        #: Keys of earlier batches that repel, where a subclass has them.
        self.memory: KeyMemory | None = None
        alignment = getattr(conv, "alignment", conv)
        if isinstance(alignment, AlignmentConv):
            self.mean = alignment.mean
        save_shared_once(self)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "graph" in vars(cls) and "forward" not in vars(cls):
            cls.forward = called_like(cls.graph)(cls.forward)
        changed = _first_that_says(cls, "rule", "graph", "project", "energy")
        for name in ("pairing", "queries"):
            if changed < _first_that_says(cls, name):  # stated for another graph
                setattr(cls, name, vars(GraphLoss)[name])
        if _first_that_says(cls, "graph", "project") < _first_that_says(cls, "row_by_row"):
            cls.row_by_row = False

    def graph(
        self, z0: Tensor, z1: Tensor, /, *views: Tensor, labels: Tensor | None = None, weight: Tensor | None = None
    ) -> ContrastGraph:
        """The graph of a batch of views, stacked in ``graph.x``: views of a sample, or of all samples of a label,
        attract each other, :attr:`rule` says which of the others repel, and ``weight`` how much each sample counts."""
        # Labels of few classes have quadratically many pairs: layers that can sum over groups need none of them.
        options = {"weight": weight, "negatives": self.rule, "edges": labels is None}
        return augmentation_graph((z0, z1, *views), labels, **options)

    @property
    def per_anchor(self) -> bool:
        """Whether the loss is a mean of losses of anchors, which can be weighed and told apart."""
        return getattr(self.conv, "per_anchor", False)

    @property
    def temperature(self) -> float | Tensor:
        """The temperature of a loss that has one: a number, or where it is learned a tensor."""
        if "temperature" not in inspect.signature(type(self).__init__).parameters:
            raise AttributeError(f"{type(self).__name__} has no temperature")
        return self.conv.temperature

    @property
    def inputs(self) -> tuple[str, ...] | None:
        """The keywords that a batch may come with, those of :meth:`graph`; ``None`` if it takes any."""
        return keywords(getattr(self.graph, "__func__", self.graph))

    def check_input(self, name: str, value: Any, n: int, d: int) -> None:
        """Refuses a keyword that does not fit views [n, d], before they are gathered.

        Args:
            name (str): The keyword.
            value: What was given.
            n (int): The number of samples of this process.
            d (int): The width of the views.
        """
        if name == "labels":
            class_labels(name, value, n)
        elif name in self.per_sample:
            check_index(name, value, n)
        elif name == "weight":
            check_constant(name, check_weights(name, value, n))

    def check_inputs(self, inputs: dict[str, Any], n: int, d: int) -> dict[str, Any]:
        """Refuses keywords that do not fit views [n, d] or each other, before they are gathered, and returns them:
        labels have ``-1`` in the place of NaN, as numbers that are gathered are finite.

        Args:
            inputs (dict): What was given.
            n (int): The number of samples of this process.
            d (int): The width of the views.
        """
        for name, value in inputs.items():
            self.check_input(name, value, n, d)
        labels = inputs.get("labels")
        if isinstance(labels, Tensor) and labels.is_floating_point():
            inputs = inputs | {"labels": labels.masked_fill(labels.isnan(), UNLABELED)}
        return inputs

    def project(self, x: Tensor) -> Tensor:
        """Where embeddings are compared: rows of unit length, unless a subclass says otherwise."""
        return normalize(x)

    def project_bank(self, bank: Tensor) -> Tensor:
        """The same of the rows of a graph's bank."""
        return self.project(bank)

    def layer(self) -> PairConv:
        """The layer whose energy the loss is; a subclass whose layer depends on what is learned makes it here."""
        return self.conv

    def energy(self, conv: PairConv, z: Tensor, graph: ContrastGraph) -> Tensor:
        """The loss of projected rows.

        Args:
            conv (PairConv): The layer, from :meth:`layer`.
            z (Tensor): Embeddings as :meth:`project` makes them [n, d], not empty.
            graph (ContrastGraph): The graph, with its bank as :meth:`project_bank` makes it.
        """
        return conv.energy(z, graph)

    if TYPE_CHECKING:
        __call__: CalledLikeGraph

    @called_like(graph)
    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """The loss of ``(x, graph)``, or of a batch of views."""
        if len(args) == 2 and type(args[1]) is not Tensor and isinstance(args[1], ContrastGraph):
            x, graph = args
            if given := self.inputs_of(kwargs):
                raise ValueError(f"'loss(x, graph)' takes nothing else: put it into the graph (got {', '.join(given)})")
            check_values("x", check_matrix("x", x, rows=graph.num_nodes))
            graph.admit(x)
            return self.of_graph(x, graph)
        if len(args) == 1:
            args = one_by_one(args)
        value = self._of_views(args, kwargs)
        if self.memory is not None and self.training and torch.is_grad_enabled():
            self.memory.remember(args[1])  # only now: the keys of a batch are no negatives of it
        return value

    def _of_views(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        if self.gather_distributed and dist.is_available() and dist.is_initialized():
            return loss_of_all(self, args, kwargs)
        if not kwargs and (loss := self.of_views(args)) is not None:
            return loss
        views = check_views(args, self.min_views, self.max_views)
        inputs = self.inputs_of(kwargs)
        if kwargs and not inputs and (loss := self.of_views(views)) is not None:  # keywords that are not given
            return loss
        for i, view in enumerate(views):
            check_values(f"views[{i}]", view)
        graph = self.remembering(self.graph(*views, **inputs))
        x, graph.x = graph.x, None  # the graph is ours, and what is left of it needs no second copy
        return self.of_graph(x, graph)

    def plain_temperature(self) -> float | Tensor | None:
        """The temperature where the layer is plain, so that views that have a :attr:`pairing` need no graph; otherwise
        ``None``."""
        conv = self.layer()
        return conv.temperature if conv.plain else None

    def of_views(self, views: Sequence[Tensor], sizes: list[int] | None = None) -> Tensor | None:
        """The loss of views without a graph; ``None`` where it needs one, or the views are not alike.

        Args:
            views (list): What was given as views of this process.
            sizes (list, optional): Samples of each process, where those of all are contrasted. (default: ``None``)
        """
        if self.pairing is None or self.memory is not None or self.reduction != "mean" or len(views) < self.min_views:
            return None
        if self.max_views is not None and len(views) > self.max_views:
            return None
        temperature = self.plain_temperature()
        return None if temperature is None else contrast_views(views, temperature, self.pairing, sizes, self.plain_bias)

    def way(self, views: list[Tensor]) -> str:
        """How the loss of views alone is computed, in words: what processes exchange follows from it."""
        if self.pairing is not None and self.memory is None and self.reduction == "mean":
            temperature = self.plain_temperature()
            if temperature is not None and (words := in_words(views, temperature)) is not None:
                return words
        parts = [part for part in self.conv.modules() if isinstance(part, PairConv)]
        for part in parts:  # now: one that is refused on one process alone would leave the others waiting
            check_positive("temperature", part.temperature, learnable=True)
        named = [type(part).__name__ + " by matrices" * (getattr(part, "impl", "") == "dense") for part in parts]
        options = {name: vars(self).get(name) for name in keywords(type(self).__init__) or ()}
        own = [f"{name}={value}" for name, value in options.items() if isinstance(value, (bool, int, str))]
        return ", ".join([OF_GRAPH, *named, *own])

    def inputs_of(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The keywords of a call that are given, checked."""
        return given_inputs(self, kwargs)

    def queries(self, num_views: int, inputs: tuple[str, ...]) -> range:
        """The views whose rows are anchors, and neither candidates nor positives of others, in :meth:`graph`: processes
        need not tell them each other. A subclass that says another rule or graph has none unless it states them.

        Args:
            num_views (int): The number of views.
            inputs (tuple): The keywords that are given.
        """
        return range(0)

    def shares(self, graph: ContrastGraph) -> bool:
        """Whether processes can share the nodes of a graph that joins their batches, see :meth:`PairConv.shares`: the
        loss is that of the joined batch then, and each process has the gradient of its own rows. A subclass with an
        :meth:`energy` of its own does not share, unless it says so."""
        return type(self).energy is GraphLoss.energy and self.conv.shares(graph)

    def remembering(self, graph: ContrastGraph) -> ContrastGraph:
        """The graph of a batch with the keys that the loss remembers."""
        return graph if self.memory is None else self.memory.add_to(graph)

    def of_graph(self, x: Tensor, graph: ContrastGraph) -> Tensor:
        """What every loss does, whatever its layer: an empty batch has a loss of zero, and whatever is compared is
        projected first."""
        if x.size(0) == 0:  # no anchors: zeros that keep the graph, so that no process waits for another
            return x.sum(dim=1) if self.reduction == "none" else x.sum()
        if graph.bank is not None:
            graph = copy(graph)
            graph.bank = replace(graph.bank, rows=self.project_bank(graph.bank.rows))
        conv, z = self.layer(), self.project(x)
        if graph.own_rows is not None:
            z = own_alone(z, graph.own_rows)
        if self.reduction == "mean":
            return self.energy(conv, z, graph)
        if self.reduction == "none":
            each = each_anchor(partial(self.energy, conv), z, graph, conv.learned())
            return each if graph.anchor is None else each[graph.anchor]
        graph = copy(graph)
        graph.reduction = "sum"
        return self.energy(conv, z, graph)

    def extra_repr(self) -> str:
        """Only what differs from the default."""
        parts = ["gather_distributed=True"] * self.gather_distributed
        return ", ".join(parts + [f"reduction={self.reduction!r}"] * (self.reduction != "mean"))
