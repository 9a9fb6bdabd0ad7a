"""The base of losses: the energy of a layer on the graph of a batch."""

from copy import copy
from typing import ClassVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gnnclr.graph import ContrastGraph, augmentation_graph
from gnnclr.losses.anatomy import Anatomy
from gnnclr.losses.gather import gather
from gnnclr.nn import PairConv
from gnnclr.nn.alignment import anchor_mass
from gnnclr.ops.check import check_matrix
from gnnclr.ops.gather_rows import gather_sizes
from gnnclr.ops.unit_rows import normalize


def float_rows(x: Tensor, power: int = 1) -> Tensor:
    """Rows as they are, in float32 at least.

    Args:
        x (Tensor): Rows [n, d].
        power (int, optional): The highest power of entries in what follows. Entries whose powers, summed over features
            and pairs, may be no number of the type are refused; on a GPU, which would be waited for, they pass.
            (default: ``1``)
    """
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    if power > 1 and x.device.type == "cpu" and x.numel():
        most, largest = torch.finfo(x.dtype).max ** (1 / (power + 1)), float(x.detach().abs().amax())
        if largest > most:
            raise ValueError(
                f"'views' must have entries up to {most:.0e} in {x.dtype} for a loss that does not normalize rows (got "
                f"{largest:.0e})"
            )
    return x


class GraphLoss(nn.Module):
    r"""Base class of losses. A subclass names its layer, states its :attr:`anatomy`, may replace :meth:`graph`, which
    turns a batch into a :class:`~gnnclr.graph.ContrastGraph`, and inherits

    - ``loss(z0, z1, ...)``: the loss of a batch of views, of any length, which are normalised inside;
    - ``loss(x, graph)``: the loss of stacked views ``x`` on a graph of the caller's making; rows of its bank are
      normalised too.

    How the formulas of subclasses are to be read: :math:`\operatorname{mean}_i` runs over the anchors that have
    positives; where an anchor has several positives :math:`p`, or several other views, the term of a pair is averaged
    over them first, with the weights of the graph (``edge_weight``), unless ``mean="pairs"`` is chosen.
    :math:`\operatorname{mean}_{ij}` over negatives runs over all their pairs. Negatives are those of the graph: its
    rule or its edges, and the rows of its bank. Rows may have any length that their type holds: a loss that does not
    normalize them refuses those whose powers the type cannot hold.

    Args:
        conv (PairConv): The layer whose energy the loss is.
        gather_distributed (bool, optional): Contrast with the samples of all processes. Each process returns the mean
            over its own anchors, scaled so that the mean over processes is
            the loss of the joined batch; after the averaging of :class:`~torch.nn.parallel.DistributedDataParallel` the
            gradient of the parameters
            equals that of one process on the joined batch, also when batches are uneven. (default: ``False``)
    """

    #: What the loss is made of, in words.
    anatomy: ClassVar[Anatomy | None] = None
    #: The least number of views of a batch.
    min_views: ClassVar[int] = 2
    #: Whether the loss is a mean over anchors, so that each process can take its own. Others are computed by every
    #: process on the joined batch.
    mean_over_anchors: ClassVar[bool] = True
    #: What has equal weight in the mean over positive pairs, ``"anchors"`` or ``"pairs"``.
    mean: str = "anchors"

    def __init__(self, conv: PairConv, gather_distributed: bool = False):
        super().__init__()
        self.conv, self.gather_distributed = conv, gather_distributed

    def graph(self, *views: Tensor, **kwargs) -> ContrastGraph:
        """The graph of a batch of views, stacked in ``graph.x``: views of a sample attract, all others repel."""
        return augmentation_graph(views)

    def forward(self, *args, **kwargs) -> Tensor:
        """The loss of ``(x, graph)``, or of a batch of views."""
        if len(args) == 2 and isinstance(args[1], ContrastGraph):
            x, graph = args
            if kwargs:
                raise ValueError(
                    f"'loss(x, graph)' takes nothing else: put it into the graph (got {', '.join(kwargs)})"
                )
            check_matrix("x", x, finite=True, rows=graph.num_nodes)
            return self._energy(x, graph)
        gathered = self.gather_distributed and dist.is_available() and dist.is_initialized()
        # A process that stops here would leave the others waiting: finiteness is checked after the gather, by all.
        views = [check_matrix(f"views[{i}]", view, finite=not gathered) for i, view in enumerate(args)]
        if len(views) < self.min_views:
            wanted = "one or more matrices" if self.min_views == 1 else "two or more matrices"
            raise ValueError(f"'views' must be {wanted} [n, d] (got {len(views) or 'none'})")
        if not gathered:
            graph = self.graph(*views, **kwargs)
            x, graph.x = graph.x, None  # the graph is ours, and what is left of it needs no second copy
            return self._energy(x, graph)
        return self._gathered(views, kwargs)

    def _gathered(self, views: list[Tensor], kwargs: dict) -> Tensor:
        n, device = views[0].size(0), views[0].device
        sizes = gather_sizes(n, device)
        start = sum(sizes[: dist.get_rank()])
        shared = {
            key: self._gather_rows(value) if isinstance(value, Tensor) else value for key, value in kwargs.items()
        }
        graph = self.graph(*(gather(view, sizes) for view in views), **shared)
        if not self.mean_over_anchors:
            return self._energy(graph.x, graph)
        own = (graph.sample >= start) & (graph.sample < start + n)
        mass = anchor_mass(graph, self.mean)
        share = float(mass[own].sum()) / max(float(mass.sum()), 1e-300)
        graph.anchor = (mass > 0) & own
        return self._energy(graph.x, graph) * (len(sizes) * share)

    @staticmethod
    def _gather_rows(x: Tensor) -> Tensor:
        return gather(x, gather_sizes(x.size(0), x.device))

    def _energy(self, x: Tensor, graph: ContrastGraph) -> Tensor:
        if x.size(0) == 0:
            return x.sum()  # no anchors: a zero that keeps the graph, so that no process waits for another
        if graph.bank is not None:
            graph = copy(graph)
            graph.bank = self.project(graph.bank)
        return self.conv.energy(self.project(x), graph)

    def project(self, x: Tensor) -> Tensor:
        """Where embeddings are compared: rows of unit length, unless a subclass says otherwise."""
        return normalize(x)

    def extra_repr(self) -> str:
        """Only what differs from the default."""
        return "gather_distributed=True" if self.gather_distributed else ""
