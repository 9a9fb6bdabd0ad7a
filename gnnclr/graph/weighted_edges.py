"""How the weights of a graph's edges travel: with the edges, as one value."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch_geometric.data import Data

from gnnclr.ops.check import check_edges, describe, is_integer, looks_at
from gnnclr.ops.tensor_group import TensorGroup

#: Attributes of a graph that may hold the weights of its edges; the first one that does counts.
ATTRIBUTES = ("edge_weight", "edge_attr")


@dataclass(frozen=True, eq=False, repr=False)
class WeightedEdges(TensorGroup):
    """Edges and their weights, in the place of an ``edge_index``: propagation, diffusion, centralities and communities
    take either. Where an edge has no weight it is 1, so weights of one give what ``edge_index`` alone gives; an edge of
    weight zero sends nothing.

    Args:
        edge_index (Tensor): Edges, source to target.
        edge_weight (Tensor): The weight of each edge, not negative; integers become float32.

    Shapes:
        - **input:** edges :math:`(2, e)`, weights :math:`(e)` or :math:`(e, 1)`

    Raises:
        ValueError: If there is not one weight for each edge, or weights are negative, NaN or infinite.
    """

    edge_index: Tensor
    edge_weight: Tensor

    def __post_init__(self) -> None:
        count = self.edge_index.size(-1) if isinstance(self.edge_index, Tensor) and self.edge_index.dim() else 0
        object.__setattr__(self, "edge_weight", check_edge_weight("edge_weight", self.edge_weight, count))


#: Edges [2, e], with or without weights.
Edges: TypeAlias = Tensor | WeightedEdges


def check_edge_weight(name: str, weight: Any, num_edges: int, *, look: bool = False) -> Tensor:
    """Returns ``weight`` [e] as it is, or as float32 where it has another type or the shape [e, 1], and raises a
    :class:`ValueError` if it does not weigh the edges.

    Args:
        name (str): Name of the argument, for the message.
        weight: The value to check.
        num_edges (int): The number of edges.
        look (bool, optional): Whether to look at the entries wherever they are. (default: ``False``, on the CPU alone)
    """
    if not weighs(weight, num_edges):
        raise ValueError(f"'{name}' must be numbers of shape [{num_edges}], one for each edge (got {describe(weight)})")
    if (look or looks_at(weight)) and weight.numel():
        low, high = (float(value) for value in weight.detach().aminmax())  # NaN if one is
        if not 0 <= low <= high < float("inf"):
            wrong = weight[~((weight >= 0) & (weight < float("inf")))].flatten()
            raise ValueError(f"'{name}' must be finite, and none negative (got {float(wrong[0]):g})")
    if weight.dtype not in (torch.float32, torch.float64):
        weight = weight.to(torch.float32)
    return weight.squeeze(1) if weight.dim() == 2 else weight


def weighs(value: Any, num_edges: int) -> bool:
    """Whether a value is a number for each edge: [e] or [e, 1]."""
    fits = isinstance(value, Tensor) and value.layout == torch.strided and value.shape in ((num_edges,), (num_edges, 1))
    return fits and (value.is_floating_point() or is_integer(value))


def weight_attribute(data: Data) -> str | None:
    """The attribute of a graph that holds the weights of its edges: ``"edge_weight"``, or ``"edge_attr"`` where that
    has one number for each edge; ``None`` where there are none.

    Args:
        data (Data): The graph.
    """
    for name in ATTRIBUTES:
        value = getattr(data, name, None)
        if value is not None and (name == "edge_weight" or weighs(value, data.num_edges)):
            return name
    return None


def edges_of(data: Data) -> Edges:
    """The edges of a graph as its ``edge_index``, or :class:`WeightedEdges` where they have weights.

    Args:
        data (Data): The graph.

    Raises:
        ValueError: If there are no edges, or weights do not fit, see :class:`WeightedEdges`.
    """
    edge_index = getattr(data, "edge_index", None)
    if edge_index is None:
        raise ValueError(f"'data' must be a Data with edges 'edge_index' (got {describe(data)})")
    name = weight_attribute(data)
    if name is None:
        return edge_index
    return WeightedEdges(edge_index, check_edge_weight(f"data.{name}", data[name], data.num_edges))


def index_of(edges: Edges) -> Tensor:
    """The edges [2, e] without their weights."""
    return edges.edge_index if isinstance(edges, WeightedEdges) else edges


def with_weights(edge_index: Any, edge_weight: Tensor | None) -> Any:
    """Edges and weights as one value, or the edges alone where there are none.

    Args:
        edge_index (Tensor): Edges [2, e].
        edge_weight (Tensor, optional): Their weights [e], or ``None``.
    """
    return edge_index if edge_weight is None else WeightedEdges(edge_index, edge_weight)


def check_weighted_edges(edges: Any, num_nodes: int, name: str = "edge_index") -> tuple[Tensor, Tensor | None]:
    """Returns edges [2, e] as int64 and their weights [e], or ``None``, and raises a :class:`ValueError` if they are
    not between nodes.

    Args:
        edges (Tensor or WeightedEdges): The edges.
        num_nodes (int): The number of nodes.
        name (str, optional): Name of the argument, for the message. (default: ``"edge_index"``)
    """
    if isinstance(edges, WeightedEdges):
        return check_edges(edges.edge_index, num_nodes, name), edges.edge_weight.detach()
    return check_edges(edges, num_nodes, name), None
