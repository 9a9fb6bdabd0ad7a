"""A graph for contrastive training."""

import copy
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from gnnclr.eval import Split
from gnnclr.graph import DataNeighbors, edges_of
from gnnclr.node import (
    NeighborhoodLoader,
    NodeMethod,
    SubgraphLoader,
    layer_wise_embed,
    load_node_data,
    propagate_features,
    sbm,
    sparse_sbm,
)
from gnnclr.node.datasets.load import DATASETS, own_path
from gnnclr.node.encoders.layer_wise import has_layers
from gnnclr.ops.check import check_choice, check_count, check_seed, describe
from gnnclr.ops.labels import is_multilabel
from gnnclr.ops.paths import expand_path
from gnnclr.train.follow_neighbors import check_neighbors
from gnnclr.train.graph_data import GraphData
from gnnclr.train.subgraphs import bind_rewirings, check_takes_subgraphs

#: Generated graphs, which need no files, of a number of nodes.
GENERATED: dict[str, Callable[[int], Data]] = {
    "sbm": sbm,
    # The mean degree of ogbn-arxiv, as at its size.
    "sparse_sbm": lambda num_nodes: sparse_sbm(num_nodes, round(num_nodes * 1_166_243 / 169_343)),
}
SIZES = {"sbm": 600, "sparse_sbm": 169_343}


class LoaderOfGraph(Protocol):
    """Makes the loader of a graph: a class of loaders with all other arguments given."""

    def __call__(self, data: Data, *, seed: int, rank: int, world_size: int) -> SubgraphLoader:
        """The loader."""
        ...


class NodeData(GraphData):
    """One graph, which is the batch, or whose subgraphs are batches, and its labeled nodes for the probes.

    Probes see embeddings of the whole graph. Where batches are subgraphs these are made on the CPU, layer by layer if
    :func:`gnnclr.node.layer_wise_embed` takes the encoder.

    Args:
        dataset (str): ``"sbm"`` or ``"sparse_sbm"``, generated graphs that need no files, the second as large as
            ogbn-arxiv; a file that :func:`torch.save` wrote of a graph; or what :func:`gnnclr.node.load_node_data`
            reads from ``root``, such as ``"cora"``.
        root (str, optional): Where the files are; ``~`` and ``$NAME`` are replaced. (default: ``None``)
        transform (BaseTransform, optional): A PyG transform, such as
            :class:`torch_geometric.transforms.NormalizeFeatures`. (default: ``None``)
        seed (int, optional): The seed of the order of batches, and of what chooses them. (default: ``0``)
        loader (callable, optional): Makes batches of the graph: :class:`gnnclr.node.RandomNodeLoader`,
            :class:`gnnclr.node.CommunityLoader` or, with ``neighbors``, :class:`gnnclr.node.NeighborhoodLoader` in
            recipes, in Python also ``partial(RandomNodeLoader, batch_size=2048)``. The data's seed and processes are
            passed on. (default: ``None``, an epoch is one step on the whole graph)
        size (int, optional): Nodes of a generated graph; the mean degree stays. (default: that of its name)
        probed (int, optional): Probes see this many nodes of each part of the split at most, the same ones for all
            seeds. On graphs as large as ogbn-arxiv regressions on all nodes take longer than the training.
            (default: ``None``, all nodes)
        neighbors (DataNeighbors, optional): Finds the nearest neighbors of all nodes, by the embeddings that they have
            when an epoch begins, for :class:`~gnnclr.graph.DataNeighborRewiring` and for batches in which they meet.
            The share of them within a class is logged as ``neighbors_within_class``. (default: ``None``)
        split (int, optional): The seed of a random split, or the number of one of several in the masks, which are
            [n, s] then. (default: ``0``)
        undirected (bool, optional): Whether to add the other direction of each edge of a file. (default: ``False``)

    Raises:
        ValueError: If ``dataset`` needs a ``root`` and has none, or with a loader if the method needs the whole graph.
    """

    def __init__(
        self,
        dataset: str,
        root: str | None = None,
        transform: BaseTransform | None = None,
        seed: int = 0,
        loader: LoaderOfGraph | None = None,
        size: int | None = None,
        probed: int | None = None,
        neighbors: DataNeighbors | None = None,
        split: int = 0,
        undirected: bool = False,
    ) -> None:
        super().__init__(seed)
        self.file: Path | None = own_path("data.dataset", dataset, (*GENERATED, *DATASETS))
        dataset = dataset.lower() if self.file is None else str(self.file)
        if root is None and dataset in DATASETS:
            raise ValueError(f"'data.root' must be the folder with the files of {dataset!r} (got none)")
        if size is not None:
            check_choice("data.dataset", dataset, tuple(GENERATED))
        for name, value in (("size", size), ("probed", probed)):
            if value is not None:
                check_count(f"data.{name}", value)
        if loader is not None and not callable(loader):
            raise ValueError(f"'data.loader' must make a loader of a graph (got {describe(loader)})")
        self.dataset: str = dataset
        self.transform: BaseTransform | None = transform
        self.root: str | None = None if root is None else str(expand_path(root))
        self.loader: LoaderOfGraph | None = loader
        self.size: int | None = size
        self.probed: int | None = probed
        self.neighbors: DataNeighbors | None = check_neighbors(neighbors)
        if neighbors is None and self.batches_by_neighbors:
            raise ValueError(f"'data.neighbors' must be DataNeighbors for {_class_of(loader).__name__} (got None)")
        self.split_seed: int = check_seed("data.split", split)
        self.undirected: bool = undirected
        if undirected and self.file is None:
            raise ValueError(f"'data.undirected' goes with a file (got the data set {dataset!r})")

    def load(self) -> Data:
        """The generated graph, or that of the files."""
        if self.dataset in GENERATED:
            size = self.size or SIZES[self.dataset]
            graph = GENERATED[self.dataset](size)
            if not bool(graph.test_mask.any()):
                raise ValueError(f"'data.size' must be larger, or there is no node for the test (got {size})")
            return graph if self.transform is None else self.transform(graph)
        if self.file is not None and not self.file.is_file():
            raise FileNotFoundError(
                f"'data.dataset' must be the name of a data set or an existing file (got {self.dataset!r})"
            )
        options = {"split_seed": self.split_seed, "undirected": self.undirected}
        return load_node_data(self.dataset, self.root or ".", transform=self.transform, **options)

    def setup(self, stage: str) -> None:
        """Loads the graph, once, and chooses the nodes for the probes."""
        super().setup(stage)
        if self.probed is not None and self.split is not None:
            parts = (self.split.train, self.split.val, self.split.test)
            self.split: Split = Split(*(_some(part, self.probed) for part in parts))

    def check(self, method: nn.Module) -> None:
        """Raises a :class:`ValueError` if the encoder of ``method`` expects inputs of another width, or a step of it
        the whole graph where it gets a part."""
        super().check(method)
        if self.loader is not None:
            bind_rewirings(method, self.graph)
            check_takes_subgraphs(method)

    share_hint = "; with --data.loader=gnnclr.node.RandomNodeLoader, or CommunityLoader, each has its own batches"

    def check_processes(self, method: nn.Module, count: int) -> None:
        """As for any graph, where there is no loader whose batches processes share."""
        if self.loader is None:
            super().check_processes(method, count)

    def start_epoch(self, method: nn.Module, epoch: int) -> None:
        """Finds the neighbors that are due, and tells rewirings the graph of the batches; in each process, as methods
        that are sent lose it."""
        super().start_epoch(method, epoch)
        if self.loader is not None:
            bind_rewirings(method, self.graph)
        if self.batches_by_neighbors and isinstance(self._batches, NeighborhoodLoader):
            self._batches.set_neighbors(self.neighbors.neighbor)

    @property
    def batches_by_neighbors(self) -> bool:
        """Whether the loader makes batches of the neighbors."""
        return getattr(_class_of(self.loader), "needs_neighbors", False)

    def batches(self) -> Iterable[Data]:
        """The graph, or subgraphs of it."""
        if self.loader is None:
            return super().batches()
        rank, world_size = (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)
        return self.loader(self.graph, seed=self.seed, rank=rank, world_size=world_size)

    def training_features(self, method: nn.Module) -> Tensor:
        """The embeddings of all nodes."""
        return self.embed(method)

    def training_labels(self) -> Tensor | None:
        """The class of each node, where there are any."""
        return None if is_multilabel(self.labels) else self.labels

    @torch.no_grad()
    def embed(self, method: nn.Module) -> Tensor:
        """The embeddings [n, d] of all nodes, without augmentation."""
        if self.loader is None:
            return super().embed(method)
        # A device that holds a batch need not hold the graph.
        method = copy.deepcopy(method).cpu()
        if type(method).forward is NodeMethod.forward and has_layers(method.encoder):
            return layer_wise_embed(method.encoder, self.graph).float()
        return method.embed(self.graph).float()

    def baselines(self) -> dict[str, Callable[[], Tensor]]:
        """The features of the nodes, and their propagation over two hops, which many trained encoders do not reach."""
        graph = self.graph.cpu()
        return {
            "raw": lambda: graph.x.to_dense(),
            "A²X": lambda: propagate_features(graph.x, edges_of(graph)),
        }


def _class_of(loader: Any) -> Any:
    """The class of what makes a loader, which is that class or, of a recipe, a partial function with it."""
    parts = (loader, getattr(loader, "func", None), *getattr(loader, "args", ()))
    return next((part for part in parts if isinstance(part, type) and issubclass(part, SubgraphLoader)), None)


def _some(index: Tensor, count: int) -> Tensor:
    """At most ``count`` of the nodes, drawn at random and always the same."""
    chosen = torch.randperm(index.numel(), generator=torch.Generator().manual_seed(0))[:count]
    return index[chosen.sort().values]
