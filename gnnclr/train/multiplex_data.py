"""A multiplex graph for contrastive training."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from gnnclr.eval import ProbeResult
from gnnclr.graph import edges_of
from gnnclr.node import MultiplexData, MultiplexScores, load_multiplex_data, multiplex_scores, propagate_features
from gnnclr.node.datasets.graph_file import graph_of_file
from gnnclr.node.datasets.load import own_multiplex_data, own_path
from gnnclr.ops.check import check_seed
from gnnclr.ops.paths import expand_path
from gnnclr.train.graph_data import GraphData


class MultiplexNodeData(GraphData):
    """A graph with several kinds of edges, which is the batch, and its labeled nodes for the probes.

    Results are those of :func:`gnnclr.node.multiplex_scores`: Micro-F1, which is accuracy, and Macro-F1 of a linear
    probe on the test nodes; NMI and ARI of k-means and Sim@5 over all nodes.

    Args:
        dataset (str): What :func:`gnnclr.node.load_multiplex_data` reads from ``root``, such as ``"acm"``; or a file
            that :func:`torch.save` wrote of a graph with several relations, such as a
            :class:`~torch_geometric.data.HeteroData` with nodes of one type.
        root (str, optional): Where the files are; ``~`` and ``$NAME`` are replaced. (default: ``None``)
        labels_per_class (int, optional): The split, by its training nodes a class. (default: ``20``)
        transform (BaseTransform, optional): A PyG transform. (default: ``None``)
        seed (int, optional): Unused: there is no order of batches. (default: ``0``)
        split (int, optional): As of :class:`NodeData`, for a file. (default: ``0``)
        undirected (bool, optional): Whether to add the other direction of each edge of a file. (default: ``False``)

    Raises:
        ValueError: If there is no ``root``, or a file has fewer than two relations.
    """

    def __init__(
        self,
        dataset: str,
        root: str | None = None,
        labels_per_class: int = 20,
        transform: BaseTransform | None = None,
        seed: int = 0,
        split: int = 0,
        undirected: bool = False,
    ) -> None:
        super().__init__(seed)
        self.file: Path | None = own_path("data.dataset", dataset, ("acm",))
        if root is None and self.file is None:
            raise ValueError(f"'data.root' must be the folder with the files of {dataset!r} (got none)")
        self.dataset: str = dataset
        self.root: str | None = None if root is None else str(expand_path(root))
        self.split_seed: int = check_seed("data.split", split)
        self.undirected: bool = undirected
        self.labels_per_class: int = labels_per_class
        self.transform: BaseTransform | None = transform

    def own(self, value: Any, name: str, transform: Callable[[Data], Data]) -> Data:
        """A graph of one's own with several relations, without a split."""
        return own_multiplex_data(value, name, transform, None, self.undirected)

    def load(self) -> MultiplexData:
        """The graph of the files."""
        if self.file is not None:
            with graph_of_file(self.file) as value:
                return own_multiplex_data(value, self.file.name, self.transform, self.split_seed, self.undirected)
        graph = load_multiplex_data(self.dataset, self.root or ".", labels_per_class=self.labels_per_class)
        return graph if self.transform is None else self.transform(graph)

    def check(self, method: nn.Module) -> None:
        """Raises a :class:`ValueError` if an encoder of ``method`` expects inputs of another width."""
        if not isinstance(getattr(method, "encoder", None), nn.ModuleList):
            return super().check(method)
        for encoder in method.encoder:
            super().check(nn.ModuleDict({"encoder": encoder}))

    def baselines(self) -> dict[str, Callable[[], Tensor]]:
        """The features of the nodes, and their propagations over two hops of each relation, joined."""
        graph = self.graph.cpu()
        views = graph.views()
        return {
            "raw": lambda: graph.x.to_dense(),
            "A²X": lambda: torch.cat([propagate_features(view.x, edges_of(view)) for view in views], dim=1),
        }

    def evaluate(self, methods: Mapping[str, nn.Module]) -> dict[str, dict[str, ProbeResult]]:
        """Scores the baselines and the features of ``methods`` alike.

        Args:
            methods (dict): Methods by name, such as ``{"untrained": ..., "trained": ...}``.

        Returns:
            dict: For each row its scores as results; all but Micro-F1 have none on the validation nodes. Empty
            where nothing can be probed.
        """
        self.setup("evaluate")
        if self.split is None:
            return {}
        features = self.baselines() | {name: partial(self.embed, method) for name, method in methods.items()}
        return {name: _results(multiplex_scores(make(), self.labels, self.split)) for name, make in features.items()}


def _results(scores: MultiplexScores) -> dict[str, ProbeResult]:
    others = {"Macro-F1": scores.macro_f1, "NMI": scores.nmi, "ARI": scores.ari, "Sim@5": scores.sim5}
    results = {name: ProbeResult(score, math.nan) for name, score in others.items()}
    return {"Micro-F1": ProbeResult(scores.micro_f1, scores.val_micro_f1)} | results
