"""Graphs with several kinds of edges between the same nodes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import coalesce

from gnnclr.graph.weighted_edges import (
    Edges,
    WeightedEdges,
    check_weighted_edges,
    edges_of,
    index_of,
    with_weights,
)
from gnnclr.node.datasets.data import SparseFeatures, node_mask
from gnnclr.ops.check import check_choice, check_index, describe
from gnnclr.ops.paths import expand_path
from gnnclr.ops.read_files import read_files

PREFIX, WEIGHT = "edge_index_", "edge_weight_"


class MultiplexData(Data):
    """A graph whose relations share nodes, features and labels.

    The edges of a relation are the attribute ``edge_index_<name>``, so PyG moves, batches and saves them like any
    other ``edge_index``. Their weights, if any, are ``edge_weight_<name>``.

    Args:
        x (Tensor, optional): Node features [n, d], dense or sparse CSR.
        relations (mapping, optional): Name of a relation to its edges [2, e], or
            :class:`~gnnclr.graph.WeightedEdges`.
        y (Tensor, optional): Labels [n].
        **kwargs: More attributes, such as ``train_mask``.

    Raises:
        ValueError: If a name is no identifier, or edges do not index the nodes.

    Example:
        >>> data = MultiplexData(x, {"pap": by_author, "psp": by_subject}, y)
        >>> z = sum(encoder(data.x, view.edge_index) for view in data.views()) / 2
    """

    def __init__(
        self,
        x: Tensor | None = None,
        relations: Mapping[str, Tensor] | None = None,
        y: Tensor | None = None,
        **kwargs: Any,
    ):
        super().__init__(x=x, y=y, **kwargs)
        if relations is not None and not isinstance(relations, Mapping):
            raise ValueError(f"'relations' must map names to edges (got {describe(relations)})")
        for name, edge_index in (relations or {}).items():
            if not isinstance(name, str) or not name.isidentifier():
                raise ValueError(f"'relations' must have identifiers as names (got {name!r})")
            edges, weight = check_weighted_edges(edge_index, self.num_nodes, f"relations[{name!r}]")
            self[PREFIX + name] = edges
            if weight is not None:
                self[WEIGHT + name] = weight

    @property
    def relations(self) -> tuple[str, ...]:
        """The names of the relations, in the order in which they were given."""
        return tuple(key[len(PREFIX) :] for key in self.to_dict() if key.startswith(PREFIX))

    def relation(self, name: str) -> Data:
        """The graph of one relation, with all that is shared."""
        check_choice("name", name, self.relations)
        edges = with_weights(self[PREFIX + name], getattr(self, WEIGHT + name, None))
        return graph_with(edges, **self._shared())

    def views(self) -> list[Data]:
        """The graphs of all relations."""
        return [self.relation(name) for name in self.relations]

    def union(self) -> Data:
        """The graph with an edge wherever a relation has one, of the largest weight where they have weights."""
        if not self.relations:
            raise ValueError("'relations' must not be empty (got none)")
        return union_graph([edges_of(view) for view in self.views()], **self._shared())

    def _shared(self) -> dict[str, Any]:
        return {key: value for key, value in self.to_dict().items() if not key.startswith((PREFIX, WEIGHT))}


def graph_with(edges: Edges, **parts: Any) -> Data:
    """A graph of edges, and their weights if they have some.

    Args:
        edges (Tensor or WeightedEdges): Edges [2, e].
        **parts: Its other attributes.
    """
    weight = {"edge_weight": edges.edge_weight} if isinstance(edges, WeightedEdges) else {}
    return Data(edge_index=index_of(edges), **weight, **parts)


def union_graph(edges: Sequence[Edges], **parts: Any) -> Data:
    """A graph with each edge once, of the largest weight where some have weights.

    Args:
        edges (sequence): Edges [2, e], with or without weights.
        **parts: The other attributes of the graph, such as ``x``.
    """
    n = Data(**parts).num_nodes
    index = torch.cat([index_of(part) for part in edges], dim=1)
    if not any(isinstance(part, WeightedEdges) for part in edges):
        return graph_with(coalesce(index, num_nodes=n), **parts)
    weight = torch.cat(
        [
            part.edge_weight if isinstance(part, WeightedEdges) else torch.ones_like(part[0], dtype=torch.float32)
            for part in edges
        ]
    )
    return graph_with(WeightedEdges(*coalesce(index, weight, num_nodes=n, reduce="max")), **parts)


def load_multiplex_data(name: str, root: str | Path = "data", *, labels_per_class: int = 20) -> MultiplexData:
    """A multiplex graph with features, labels and the masks of a public split, by name.

    Args:
        name (str): ``"acm"``: 4,019 papers, joined by a common author (``pap``) or subject (``psp``), 3 classes, as in
            `"Self-supervised Heterogeneous Graph Neural Network with Co-contrastive Learning"
            <https://arxiv.org/abs/2105.09111>`_.
        root (str or Path, optional): Where ``multiplex/acm.npz`` or ``acm.npz`` is: a file without pickles that holds
            ``attr_data``, ``attr_indices``, ``attr_indptr``, ``attr_shape`` (features in CSR form), ``labels``, edges
            [2, e] as ``pap`` and ``psp``, and node indices ``train_20``, ``val_20``, ``test_20`` and so on.
            (default: ``"data"``)
        labels_per_class (int, optional): The split: 20, 40 or 60 training nodes a class, with 1,000 validation and
            1,000 test nodes. (default: ``20``)

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If the name or the split is unknown, or the file is broken.
    """
    check_choice("name", name, ("acm",))
    if labels_per_class not in (20, 40, 60):
        raise ValueError(f"'labels_per_class' must be 20, 40 or 60 (got {describe(labels_per_class)})")
    root = expand_path(root)
    paths = [root / "multiplex" / f"{name}.npz", root / f"{name}.npz"]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise FileNotFoundError(f"'root' must contain multiplex/{name}.npz or {name}.npz (got {root})")
    return read_files(path, lambda: _read_multiplex(path, labels_per_class))


def _read_multiplex(path: Path, labels_per_class: int) -> MultiplexData:
    with np.load(path, allow_pickle=False) as file:
        arrays = {key: torch.from_numpy(file[key]) for key in file.files}
    n, width = arrays["attr_shape"].tolist()
    row, col, value = arrays["attr_indptr"].int(), arrays["attr_indices"].int(), arrays["attr_data"].float()
    x = torch.sparse_csr_tensor(row, col, value, (n, width), check_invariants=True)
    labels = check_index("labels", arrays["labels"], n)
    masks = {
        f"{part}_mask": node_mask(f"{part}_{labels_per_class}", arrays[f"{part}_{labels_per_class}"], n)
        for part in ("train", "val", "test")
    }
    relations = {relation: arrays[relation].long() for relation in ("pap", "psp")}
    return SparseFeatures()(MultiplexData(x, relations, labels, **masks))
