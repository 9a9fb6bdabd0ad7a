"""A graph for contrastive training."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from gnnclr.eval import Split
from gnnclr.node import load_node_data, propagate_features, sbm
from gnnclr.train.contrastive_data import ContrastiveData, device_of


class NodeData(ContrastiveData):
    """One graph, which is the batch, and its labelled nodes for the probes.

    Args:
        dataset (str): ``"sbm"``, a generated graph that needs no files, or what :func:`gnnclr.node.load_node_data`
            reads from ``root``, such as ``"cora"``.
        root (str, optional): Where the files are. (default: ``None``)
        transform (BaseTransform, optional): A PyG transform, such as
            :class:`torch_geometric.transforms.NormalizeFeatures`. (default: ``None``)
        seed (int, optional): Unused: there is no order of batches. (default: ``0``)

    Raises:
        ValueError: If ``dataset`` needs a ``root`` and has none.
    """

    def __init__(
        self,
        dataset: str,
        root: str | None = None,
        transform: BaseTransform | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        if root is None and dataset != "sbm" and not dataset.endswith(".pt"):
            raise ValueError(f"'data.root' must be the folder with the files of {dataset!r} (got none)")
        self.dataset, self.root, self.transform = dataset, root, transform
        self.graph: Data | None = None

    def setup(self, stage: str) -> None:
        """Loads the graph, once."""
        if self.graph is not None:
            return
        if self.dataset == "sbm":
            self.graph = sbm() if self.transform is None else self.transform(sbm())
        else:
            self.graph = load_node_data(self.dataset, self.root or ".", transform=self.transform)
        self.in_channels = self.graph.num_features
        self.labels, self.split = self.graph.y, Split.from_masks(self.graph)

    def batches(self) -> "FullGraph":
        """The graph: an epoch is one step."""
        return FullGraph(self.graph)

    @torch.no_grad()
    def embed(self, method: nn.Module) -> Tensor:
        """The embeddings [n, d] of all nodes, without augmentation."""
        return method.embed(self.graph.to(device_of(method))).float().cpu()

    def baselines(self) -> dict[str, Callable[[], Tensor]]:
        """The features of the nodes, and their propagation over two hops, which many trained encoders do not reach."""
        graph = self.graph.cpu()
        return {
            "raw": lambda: graph.x.to_dense(),
            "A²X": lambda: propagate_features(graph.x, graph.edge_index),
        }


class FullGraph:
    """Gives the graph once an epoch. Lightning would read a list as several loaders.

    Args:
        graph (Data): The graph.
    """

    def __init__(self, graph: Data) -> None:
        self.graph = graph

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Data]:
        return iter((self.graph,))
