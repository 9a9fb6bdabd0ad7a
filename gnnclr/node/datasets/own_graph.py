"""A graph of one's own becomes what methods take, and a paragraph says what was read."""

import copy
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.utils import coalesce, is_undirected, to_undirected

from gnnclr.graph.weighted_edges import ATTRIBUTES, check_edge_weight, weight_attribute
from gnnclr.node.datasets.multiplex import PREFIX, WEIGHT, MultiplexData
from gnnclr.node.datasets.own_labels import own_labels
from gnnclr.ops.check import check_edges, describe, is_integer

MASKS = ("train_mask", "val_mask", "test_mask")


def own_graph(value: Any, *, undirected: bool = False) -> tuple[Data, list[str]]:
    """The graph that somebody saved or made, in the form that methods take, and a phrase for each thing that was found.

    Edges may be ``edge_index``, or a transposed adjacency matrix ``adj_t``: a sparse tensor of torch or a
    ``SparseTensor``. Weights are ``edge_weight``, or ``edge_attr`` where that has one number for each edge; edges of
    weight zero are left out. Features may have any layout and any type of number. Labels are read by
    :func:`~gnnclr.node.datasets.own_labels.own_labels`.

    Args:
        value (Data, HeteroData or dict): The graph, which is left as it is, or its ``to_dict()``. Nodes of one type
            with several relations become a :class:`~gnnclr.node.MultiplexData`.
        undirected (bool, optional): Whether to add the other direction of each edge; one that has both gets the mean
            of its weights. (default: ``False``, edges stay as they are)

    Returns:
        tuple: The graph, with int64 edges, features in floats, dense or sparse CSR, and int64 labels; and the phrases.

    Raises:
        ValueError: If it is no graph of one kind of nodes, has no features or no edges, or a part does not fit.
    """
    data = copy.copy(one_graph(value))
    data.x, about_x = _features(data)
    phrases = [f"{_count(data.num_nodes, 'node')} with {_count(data.x.size(1), 'feature')}{about_x}"]
    suffixes = [f"_{relation}" for relation in data.relations] if isinstance(data, MultiplexData) else [""]
    for suffix in suffixes:
        phrases.append(_edges(data, suffix, undirected))
    if data.y is not None:
        data.y, classes, phrase = own_labels(data.y, data.num_nodes)
        if classes is not None:
            data.class_names = classes
        phrases.append(phrase)
    else:
        phrases.append("no labels: nothing is probed")
    for mask in MASKS:
        if mask in data:
            data[mask] = _mask(f"data.{mask}", data[mask], data.num_nodes)
    return data, phrases


def in_tensors(value: Any) -> Any:
    """A graph with tensors in the place of arrays of NumPy, and lists in that of arrays of texts; anything else as it
    is."""
    if not isinstance(value, (Data, HeteroData)):
        return value
    arrays = any(isinstance(part, np.ndarray) for store in value.stores for part in store.values())
    value = value.clone() if arrays else value
    for store in value.stores if arrays else ():
        for key, part in list(store.items()):
            if isinstance(part, np.ndarray):
                store[key] = torch.from_numpy(part) if part.dtype.kind in "biuf" else part.tolist()
    return value


def one_graph(value: Any) -> Data:
    """The graph as a ``Data`` in tensors, whose parts are not looked at further; a :class:`~gnnclr.node.MultiplexData`
    of several relations.

    Args:
        value (Data, HeteroData or dict): The graph, see :func:`own_graph`.

    Raises:
        ValueError: If it is no graph of one kind of nodes.
    """
    value = in_tensors(value)
    if isinstance(value, Batch) or (isinstance(value, Data) and value.batch is not None):
        count = f" of {value.num_graphs} graphs" if isinstance(value, Batch) else ""
        raise ValueError(
            f"'data' must be one graph, whose nodes are contrasted (got a batch{count}); take one of them, batch[i], "
            f"or where all are meant as one graph delete 'batch', as in Data(x=batch.x, edge_index=batch.edge_index)"
        )
    if isinstance(value, (list, tuple)) and len(value) and any(isinstance(part, Data) for part in value):
        raise ValueError(f"'data' must be one graph (got a {type(value).__name__} of {len(value)}); take one of them")
    if isinstance(value, Mapping):
        value = _of_dict(dict(value))
    if isinstance(value, HeteroData):
        return _of_relations(value)
    if not isinstance(value, Data):
        raise ValueError(f"'data' must be a Data, a HeteroData or the to_dict() of one (got {describe(value)})")
    return value


def _of_dict(parts: dict[Any, Any]) -> Any:
    if any(str(key).startswith(PREFIX) for key in parts):
        names = [key[len(PREFIX) :] for key in parts if str(key).startswith(PREFIX)]
        data = MultiplexData(**{key: value for key, value in parts.items() if not str(key).startswith(PREFIX)})
        for name in names:
            data[PREFIX + name] = parts[PREFIX + name]
        return data
    if any(isinstance(key, tuple) for key in parts):
        return HeteroData.from_dict(parts)
    return Data.from_dict(parts) if all(isinstance(key, str) for key in parts) else parts


def _of_relations(data: HeteroData) -> Data:
    """The relations of one type of nodes as a graph, or as a multiplex graph where there are several."""
    if len(data.node_types) != 1:
        types = ", ".join(map(repr, data.node_types)) or "none"
        raise ValueError(
            f"'data' must have nodes of one type (got {types}); join those of one type by paths over the others with "
            f"torch_geometric.transforms.AddMetaPaths and keep that type, or take data.to_homogeneous()"
        )
    parts = dict(data[data.node_types[0]].to_dict()) | dict(data._global_store.to_dict())
    stores = {re.sub(r"\W", "_", edge[1]): data[edge] for edge in data.edge_types}
    if len(stores) < len(data.edge_types):
        raise ValueError(f"'data' must have relations of different names (got {data.edge_types})")
    if not stores:
        raise ValueError("'data' must have edges (got a HeteroData with none)")
    if len(stores) == 1:
        return Data(**parts, **next(iter(stores.values())).to_dict())
    graph = MultiplexData(**parts)
    for relation, store in stores.items():
        one = Data(**store.to_dict(), num_nodes=data[data.node_types[0]].num_nodes)
        edge_index, weight = _index_and_weight(one, f"_{relation}")
        graph[PREFIX + relation] = edge_index
        if weight is not None:
            graph[WEIGHT + relation] = weight
    return graph


def _features(data: Data) -> tuple[Tensor, str]:
    x = data.x
    if x is None:
        raise ValueError(
            "'data.x' must hold features of the nodes (got none); without any, say what stands for them, such as "
            "torch_geometric.transforms.OneHotDegree(d)(data), or LocalDegreeProfile()"
        )
    if hasattr(x, "coo") and not isinstance(x, Tensor):  # a SparseTensor
        x = x.to_torch_sparse_csr_tensor()
    if not isinstance(x, Tensor) or x.dim() != 2 or x.is_complex():
        raise ValueError(f"'data.x' must hold real node features of shape [n, d] (got {describe(x)})")
    about = ""
    if x.layout != torch.strided:
        x, about = x.to_sparse_csr(), ", sparse"
    if x.dtype == torch.bool or not x.is_floating_point():
        about += f", {str(x.dtype).removeprefix('torch.')} taken for numbers"
        x = x.to(torch.float32)
    return x, about


def _index_and_weight(data: Data, suffix: str) -> tuple[Tensor, Tensor | None]:
    """The edges of ``edge_index`` or ``adj_t``, and their weights; messages name them with the suffix of a relation."""
    adjacency = data.adj_t if "adj_t" in data and data.edge_index is None else None
    if adjacency is None:
        edge_index = data.edge_index
        if not isinstance(edge_index, Tensor):
            raise ValueError("'data' must have edges 'edge_index' [2, e] or 'adj_t' (got neither)")
        edge_index = check_edges(edge_index, data.num_nodes, f"data.edge_index{suffix}")
        attributes, count = data.edge_attr, edge_index.size(1)
        if isinstance(attributes, Tensor) and attributes.shape[:1] != (count,):
            raise ValueError(
                f"'data.edge_attr{suffix}' must have an entry for each of {count} edges (got {describe(attributes)})"
            )
        key = weight_attribute(data)
        weight = None if key is None else check_edge_weight(f"data.{key}{suffix}", data[key], count, look=True)
        return edge_index, weight
    if isinstance(adjacency, Tensor):
        if adjacency.layout == torch.strided:
            raise ValueError(
                f"'data.adj_t{suffix}' must be sparse, as of adj_t.to_sparse_csr() (got {describe(adjacency)})"
            )
        entries = adjacency.to_sparse_coo().coalesce()
        (row, col), value = entries.indices(), entries.values()
    else:
        row, col, value = adjacency.coo()
    # Transposed: rows are targets.
    edge_index = check_edges(torch.stack([col, row]), data.num_nodes, f"data.adj_t{suffix}")
    if value is None or bool((value == 1).all()):
        return edge_index, None
    return edge_index, check_edge_weight(f"data.adj_t{suffix}", value, edge_index.size(1), look=True)


def _edges(data: Data, suffix: str, undirected: bool) -> str:
    """Sets the edges of a graph, or of a relation, and returns the phrase about them."""
    n, of = data.num_nodes, f" of {suffix[1:]!r}" if suffix else ""
    one = (
        data
        if not suffix
        else Data(
            num_nodes=n, edge_index=data[PREFIX + suffix[1:]], edge_weight=getattr(data, "edge_weight" + suffix, None)
        )
    )
    key = weight_attribute(one) if one.edge_index is not None else None
    edge_index, weight = _index_and_weight(one, suffix)
    about = []
    if weight is not None:
        kept = weight > 0
        if zero := int((~kept).sum()):
            edge_index, weight = edge_index[:, kept], weight[kept]
            about.append(f"{_count(zero, 'edge')} of weight zero left out")
    if edge_index.size(1) == 0:
        raise ValueError(f"'data' must have edges{of} (got none)")
    symmetric = is_undirected(edge_index, weight, num_nodes=n)
    if symmetric:
        way = "undirected"
    elif undirected:
        edge_index, weight = _both_directions(edge_index, weight, n)
        way = "made undirected"
    else:
        way = "directed, kept so ('undirected' adds the other direction)"
    about = [f"{_count(edge_index.size(1), 'edge')}{of}, {way}", *about]
    if weight is None:
        about.append("no weights")
    else:
        source = "adj_t" if key is None else key
        about.append(f"weights from {source}, {float(weight.min()):.3g} to {float(weight.max()):.3g}")
    repeated = edge_index.size(1) - coalesce(edge_index, num_nodes=n).size(1)
    loops = int((edge_index[0] == edge_index[1]).sum())
    alone = n - int(edge_index[:, edge_index[0] != edge_index[1]].unique().numel())
    if one.edge_attr is not None and key != "edge_attr":
        about.append(f"'edge_attr' of shape {list(one.edge_attr.shape)} not used")
    about += [f"{_count(loops, 'self-loop')} kept"] * (loops > 0)
    about += [f"{_count(repeated, 'edge')} there several times, which add up"] * (repeated > 0)
    about.append(f"{_count(alone, 'isolated node')} kept" if alone else "no isolated nodes")
    _set_edges(data, suffix, edge_index, weight)
    return ", ".join(about)


def _both_directions(edge_index: Tensor, weight: Tensor | None, num_nodes: int) -> tuple[Tensor, Tensor | None]:
    if weight is None:
        return to_undirected(edge_index, num_nodes=num_nodes), None
    edge_index, weight = to_undirected(edge_index, weight, num_nodes=num_nodes, reduce="mean")
    return edge_index, weight


def _set_edges(data: Data, suffix: str, edge_index: Tensor, weight: Tensor | None) -> None:
    old = None if suffix else data.edge_index
    same = isinstance(old, Tensor) and old.shape == edge_index.shape
    for key in [key for key in data.to_dict() if key in ("adj_t", *(name + suffix for name in ATTRIBUTES))]:
        several = key == "edge_attr" and weight_attribute(data) != "edge_attr"
        if not (several and same):  # attributes of several columns are no weights
            del data[key]
    data[(PREFIX + suffix[1:]) if suffix else "edge_index"] = edge_index
    if weight is not None:
        data["edge_weight" + suffix] = weight


def _mask(name: str, mask: Any, num_nodes: int) -> Any:
    """Masks of zeros and ones as booleans; anything else as it is, which is refused later."""
    if (
        isinstance(mask, Tensor)
        and is_integer(mask)
        and mask.shape[:1] == (num_nodes,)
        and bool(((mask == 0) | (mask == 1)).all())
    ):
        return mask.bool()
    return mask


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
