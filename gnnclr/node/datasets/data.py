"""Checks of graphs for methods, and sparse features."""

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from gnnclr.graph.weighted_edges import check_edge_weight, weight_attribute
from gnnclr.node.sparse.csr import csr_tensor
from gnnclr.ops.check import (
    check_edges,
    check_finite,
    check_index,
    check_nodes,
    check_probability,
    describe,
    is_integer,
)
from gnnclr.ops.memo import TensorMemo, copy_of

Graph = TypeVar("Graph", bound=Data)


def check_node_data(data: Data, *, finite: bool = True) -> Data:
    """Returns ``data`` if it is a graph with node features, and raises a :class:`ValueError` otherwise. Where its edges
    are smaller integers, a copy with int64 edges is returned, and where its weights are another attribute or no floats
    [e], one with ``edge_weight`` [e].

    Entries of features and edges are looked at once, and again only if they change.

    Args:
        data (Data): The graph: floating point features ``x`` of at least one node, dense or sparse CSR, and edges
            ``edge_index`` between its nodes. Nodes without an edge, self-loops and repeated edges are fine. Weights of
            edges are ``edge_weight``, or ``edge_attr`` where that has one number for each edge.
        finite (bool, optional): Whether to refuse NaN and infinite features. (default: ``True``)
    """
    x = check_features(data, finite)
    check_index("data.edge_index", data.edge_index, 2, "e")
    (edge_index,) = check_all_edges(x.size(0), "data.edge_index", data.edge_index)
    data = data if edge_index.dtype == data.edge_index.dtype else with_parts(data, edge_index=edge_index)
    name = weight_attribute(data)
    if name is None:
        return data
    weight = _weight(f"data.{name}", data[name], data.num_edges)
    if name == "edge_weight" and weight is None:
        return data
    data = with_parts(data, edge_weight=data[name] if weight is None else copy_of(weight))
    if name == "edge_attr":
        del data["edge_attr"]
    return data


def check_features(data: Data, finite: bool = True) -> Tensor:
    """The features of a graph, see :func:`check_node_data`; edges are not looked at."""
    if not isinstance(data, Data):
        raise ValueError(f"'data' must be a Data with features 'x' and edges 'edge_index' (got {describe(data)})")
    x = data.x
    if not isinstance(x, Tensor) or x.dim() != 2 or not x.is_floating_point() or x.size(1) == 0:
        raise ValueError(f"'data.x' must hold floating point node features of shape [n, d] (got {describe(x)})")
    if x.layout not in (torch.strided, torch.sparse_csr):
        raise ValueError(f"'data.x' must be dense or sparse CSR, as of x.to_sparse_csr() (got layout {x.layout})")
    if x.size(0) == 0 or data.num_nodes != x.size(0):
        raise ValueError(f"'data.x' must have a row for each node (got {describe(x)} for {data.num_nodes} nodes)")
    if finite:
        _is_finite(x)
    return x


def check_parts(data: Data, *keys: str) -> Data:
    """Returns ``data`` if it is a graph with all of ``"x"`` and ``"edge_index"`` that are named, and raises a
    :class:`ValueError` otherwise. A transform looks no further."""
    for key in keys:
        value = data[key] if isinstance(data, Data) and key in data else None
        edges = key == "edge_index"
        fits = isinstance(value, Tensor) and value.dim() == 2
        if not fits or (edges and not (value.size(0) == 2 and is_integer(value))):
            shape = "[2, e] of integers" if edges else "[n, d]"
            raise ValueError(f"'data' must be a Data with '{key}' of shape {shape} (got {describe(data)})")
        if edges:
            data[key] = value if value.dtype == torch.int64 else copy_of(_int64(value))  # in the copy of a transform
    return data


@TensorMemo
def _int64(edge_index: Tensor) -> Tensor:
    """One tensor for each, as others remember things for it."""
    return edge_index.to(torch.int64)


@TensorMemo
def _weight(name: str, weight: Tensor, num_edges: int) -> Tensor | None:
    """Weights that had to be converted, and ``None`` for others, which stay the tensor that they are."""
    found = check_edge_weight(name, weight, num_edges, look=True)
    return None if found is weight else found


@TensorMemo
def _is_finite(x: Tensor) -> bool:
    check_finite("data.x", x.values() if x.layout == torch.sparse_csr else x)
    return True


def check_all_edges(num_nodes: int, *edges: Any) -> list[Tensor]:
    """Returns all edges as int64, and raises a :class:`ValueError` unless they are between nodes.

    Args:
        num_nodes (int): The number of nodes.
        *edges (str or Tensor): A name and edges [2, e], one after the other.
    """
    wide = _wide_edges(num_nodes, *edges)
    # Edges that are int64 already stay the tensors that they are, which others remember things for.
    return [old if new is None else copy_of(new) for new, old in zip(wide, edges[1::2])]


@TensorMemo
def _wide_edges(num_nodes: int, *edges: Any) -> list[Tensor | None]:
    """Edges that had to be converted, and ``None`` for others."""
    checked = [check_edges(edge_index, num_nodes, name) for name, edge_index in zip(edges[::2], edges[1::2])]
    return [new if new.dtype != old.dtype else None for new, old in zip(checked, edges[1::2])]


def with_parts(data: Graph, **parts: Tensor) -> Graph:
    """A copy of a graph with other tensors as some of its parts."""
    data = copy.copy(data)
    for name, value in parts.items():
        data[name] = value
    return data


class SparseFeatures(BaseTransform):
    """Stores ``x`` as a sparse CSR matrix if few entries are not zero, as in bags of words.

    :class:`~gnnclr.node.GCNEncoder` then multiplies by the entries that are there: on Cora's features (1.3 % of the
    entries) 3 to 7 ms forward and backward instead of 24 to 46 ms. At 10 % dense products are as fast.

    Args:
        max_density (float, optional): Largest share of non-zero entries that is stored as sparse. (default: ``0.05``)
    """

    def __init__(self, max_density: float = 0.05):
        self.max_density: float = check_probability("max_density", max_density)

    def forward(self, data: Data) -> Data:
        """The graph with ``x`` in the layout that suits it."""
        x = data.x
        if x is not None and x.layout == torch.strided and x.count_nonzero() <= self.max_density * x.numel():
            row, col = x.nonzero(as_tuple=True)
            data.x = csr_tensor(row, col, x[row, col], tuple(x.shape))
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(max_density={self.max_density})"


def node_mask(name: str, index: Tensor, num_nodes: int) -> Tensor:
    """The mask [n] of the nodes ``index`` [m]; arguments are those of :func:`~gnnclr.ops.check.check_nodes`."""
    mask = torch.zeros(num_nodes, dtype=torch.bool)
    mask[check_nodes(name, index, num_nodes)] = True
    return mask
