"""The loss of a batch that several processes have: what they tell each other, and who computes what."""

from typing import TYPE_CHECKING, Any

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
        whole (bool): Whether each process computes the loss of the joined batch with the whole gradient of its own
            rows, which then come home without an exchange. Otherwise processes have parts of it, which are summed.
            May be set until the first backward pass, by all processes alike.
    """

    def __init__(self) -> None:
        self.whole: bool = False

    def __call__(self, x: Tensor, sizes: list[int]) -> Tensor:
        """Rows of all processes, in order of rank, with gradients to the process that they came from.

        Args:
            x (Tensor): This process's rows [n, ...].
            sizes (list): Rows of each process, from :func:`gnnclr.ops.processes.agreement.agree`.
        """
        return _Gather.apply(x, sizes, self)

    @staticmethod
    def placed(x: Tensor, sizes: list[int]) -> Tensor:
        """This process's rows where they lie among those of all, which are zero: for rows that nobody else needs."""
        start = sum(sizes[: dist.get_rank()])
        return pad(x, (0, 0, start, sum(sizes) - start - x.size(0)))


class _Gather(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, sizes: list[int], gathering: Gathering) -> Tensor:
        ctx.sizes, ctx.gathering = sizes, gathering
        return gather_rows(x, sizes)

    @staticmethod
    @no_double_backward
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        # The mean over processes, which follows, is that over losses of which each has a part or all of the gradient.
        if not ctx.gathering.whole:
            return bring_home(grad, ctx.sizes), None, None
        own = grad.split(ctx.sizes)[dist.get_rank()]
        return own * len(ctx.sizes), None, None


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
        for name, value in inputs.items():
            loss.check_input(name, value, n, d)
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
    joined = [(gathering.placed if i in queries else gathering)(x, sizes["views"]) for i, x in enumerate(views)]
    graph = loss.remembering(loss.graph(*joined, **inputs))
    x, graph.x = graph.x, None  # the graph is ours, and what is left of it needs no second copy
    of_views = graph.num_nodes == len(views) * len(joined[0])
    if loss.reduction != "none" and of_views and loss.shares(graph):
        graph.own_rows = OwnRows(graph.sample, sizes["views"])
    if graph.own_rows is not None or (not loss.mean_over_anchors and loss.reduction != "none"):
        gathering.whole = graph.own_rows is not None or graph.bank is None
        return loss.of_graph(x, graph)
    return _of_own_anchors(loss, x, graph, sizes["views"])


def _of_own_anchors(loss: "GraphLoss", x: Tensor, graph: ContrastGraph, sizes: list[int]) -> Tensor:
    """The loss of this process's anchors on the graph of all samples, scaled so that the mean over processes is that of
    all anchors."""
    start, n, world = sum(sizes[: dist.get_rank()]), sizes[dist.get_rank()], len(sizes)
    own = (graph.sample >= start) & (graph.sample < start + n)
    if loss.reduction != "mean":
        graph.anchor = own if graph.anchor is None else own & graph.anchor
        value = loss.of_graph(x, graph)
        return value * world if loss.reduction == "sum" else value
    mass = anchor_mass(graph, loss.mean)
    share = float(mass[own].sum()) / max(float(mass.sum()), 1e-300)
    graph.anchor = (mass > 0) & own
    return loss.of_graph(x, graph) * (world * share)
