"""The loss of a batch that several processes have: what they tell each other, and who computes what."""

from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import pad

from gnnclr.graph import ContrastGraph
from gnnclr.losses.loss_call import check_views
from gnnclr.nn.alignment import anchor_mass
from gnnclr.ops.check import check_matrix
from gnnclr.ops.no_double_backward import no_double_backward
from gnnclr.ops.processes.agreement import agree
from gnnclr.ops.processes.gather_rows import bring_home, gather_rows
from gnnclr.ops.processes.own_rows import OwnRows

if TYPE_CHECKING:
    from gnnclr.losses.graph_loss import GraphLoss

#: How the loss of a batch is computed where that is more than views.
OF_GRAPH = "of a graph"


class Gathering:
    """Gathers what all processes need for one loss.

    Attributes:
        times (int, optional): Where each process has the whole gradient of its own rows, so that nothing is exchanged,
            the factor that it lacks; ``None`` where processes have parts of it, which are summed. May be set until the
            first backward pass, by all processes alike.
    """

    def __init__(self) -> None:
        self.times: int | None = None

    def __call__(self, x: Tensor, sizes: list[int]) -> Tensor:
        """Rows of all processes, in order of rank, with gradients to the process that they came from.

        Args:
            x (Tensor): This process's rows [n, ...].
            sizes (list): Rows of each process, from :func:`gnnclr.ops.processes.agreement.agree`.
        """
        return _Gather.apply(x, sizes, self)

    @staticmethod
    def placed(x: Tensor, sizes: list[int]) -> Tensor:
        """This process's rows where they lie among those of all, for rows that nobody else needs; the others are ones,
        which can be brought to unit length."""
        start, _ = _own_range(sizes)
        return pad(x, (0, 0, start, sum(sizes) - start - x.size(0)), value=1.0)


class _Gather(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, sizes: list[int], gathering: Gathering) -> Tensor:
        ctx.sizes, ctx.gathering = sizes, gathering
        return gather_rows(x, sizes)

    @staticmethod
    @no_double_backward
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        times = ctx.gathering.times
        if times is None:
            return bring_home(grad, ctx.sizes), None, None
        own = grad.split(ctx.sizes)[dist.get_rank()]
        return own if times == 1 else own * times, None, None


class _OwnAlone(Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, rows: OwnRows) -> Tensor:
        ctx.rows = rows
        return z.view_as(z)

    @staticmethod
    @no_double_backward
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        rows = ctx.rows
        return torch.zeros_like(grad).index_copy_(0, rows.index, grad[rows.index] * rows.world), None


def own_alone(z: Tensor, rows: OwnRows) -> Tensor:
    """Rows whose gradient is that of own rows, times the number of processes, and zero for others: of rows, and of what
    is learned to make them, the mean over processes is that of one process.

    Args:
        z (Tensor): Rows [n, d], from which a loss of the joined batch is computed.
        rows (OwnRows): Own rows, of which the gradient is whole.
    """
    return _OwnAlone.apply(z, rows)


def _own_range(sizes: list[int]) -> tuple[int, int]:
    """The first sample of this process among those of all, and the one behind its last."""
    rank = dist.get_rank()
    return sum(sizes[:rank]), sum(sizes[: rank + 1])


def loss_of_all(loss: "GraphLoss", args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """The loss of a batch with the samples of all processes; its mean over processes is that of the joined batch.

    Args:
        loss (GraphLoss): The loss.
        args (tuple): The views of this process.
        kwargs (dict): The keywords of the call.
    """

    def check() -> dict[str, Any]:
        views, inputs = check_views(args, loss.min_views, loss.max_views), loss.inputs_of(kwargs)
        n, d = views[0].shape
        for i, view in enumerate(views):
            check_matrix(f"views[{i}]", view, rows=n, cols=d)
        inputs = loss.check_inputs(inputs, n, d)
        common = {"loss": type(loss), "reduction": loss.reduction, "views": views}
        return common | inputs | {"energy": loss.way(views)}

    inputs, sizes = agree(check)
    _, _, views, way = (inputs.pop(name) for name in ("loss", "reduction", "views", "energy"))
    if not inputs and not way.startswith(OF_GRAPH):
        value = loss.of_views(views, sizes["views"])
        if value is not None:
            return value
    gathering = Gathering()
    for name, value in inputs.items():
        if isinstance(value, Tensor):
            inputs[name] = gathering(value.to(views[0].device), sizes[name])
    queries = loss.queries(len(views), tuple(inputs))
    told = (gathering.placed if i in queries else gathering for i in range(len(views)))
    graph = loss.remembering(loss.graph(*(tell(x, sizes["views"]) for tell, x in zip(told, views)), **inputs))
    x, graph.x = graph.x, None  # the graph is ours, and what is left of it needs no second copy
    if loss.reduction == "none":
        return _of_own_anchors(loss, x, graph, sizes["views"])
    if not queries and _is_of_views(graph, len(views), sum(sizes["views"])) and loss.shares(graph):
        graph.own_rows = OwnRows(sizes["views"], len(views), x.device)
        gathering.times = 1 if loss.row_by_row else None
        return loss.of_graph(x, graph)
    if loss.mean_over_anchors:
        return _of_own_anchors(loss, x, graph, sizes["views"])
    if graph.bank is None:
        gathering.times = len(sizes["views"])
    return loss.of_graph(x, graph)


def _is_of_views(graph: ContrastGraph, num_views: int, n: int) -> bool:
    """Whether the nodes are those of all samples, view after view."""
    sample = graph.sample
    if sample.numel() != num_views * n:
        return False
    return bool((sample.view(num_views, n) == torch.arange(n, device=sample.device)).all())


def _of_own_anchors(loss: "GraphLoss", x: Tensor, graph: ContrastGraph, sizes: list[int]) -> Tensor:
    """The loss of this process's anchors on the graph of all samples, scaled so that the mean over processes is that of
    all anchors."""
    (start, stop), world = _own_range(sizes), len(sizes)
    own = (graph.sample >= start) & (graph.sample < stop)
    if loss.reduction != "mean":
        graph.anchor = own if graph.anchor is None else own & graph.anchor
        value = loss.of_graph(x, graph)
        return value * world if loss.reduction == "sum" else value
    mass = anchor_mass(graph, loss.mean)
    share = float(mass[own].sum()) / max(float(mass.sum()), 1e-300)
    graph.anchor = (mass > 0) & own
    return loss.of_graph(x, graph) * (world * share)
