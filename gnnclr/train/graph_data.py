"""The base of data modules that hold one graph."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnclr.eval import Split
from gnnclr.eval.labels import probed_split
from gnnclr.ops.labels import class_labels
from gnnclr.train.contrastive_data import ContrastiveData, device_of
from gnnclr.vision.methods.method import VisionMethod


class GraphData(ContrastiveData):
    """Base class of data that are one graph, which is the batch, and its labeled nodes for the probes. A graph without
    labels can be trained on and embedded; nothing is probed then, as where all labels are of one class. Nodes whose
    label is missing (``-1``, or NaN where labels are floats) are trained on and embedded as others are, and left out of
    the split.

    A subclass writes :meth:`load` and :meth:`baselines`, the features that need no training.

    Args:
        seed (int, optional): The seed of the order of batches, where there are several. (default: ``0``)
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.graph: Data | None = None

    def load(self) -> Data:
        """The graph, with features ``x`` and, to probe, labels ``y`` and the masks of a split."""
        raise NotImplementedError

    def setup(self, stage: str) -> None:
        """Loads the graph, once."""
        if self.graph is None:
            self.graph = self.load()
            self.in_channels = self.graph.num_features
            if self.graph.y is not None:
                self.labels = class_labels("data.y", self.graph.y, self.graph.num_nodes, from_zero=True)
                self.split = probed_split(self.labels, lambda: Split.from_masks(self.graph), "node")

    def check(self, method: nn.Module) -> None:
        """Raises a :class:`ValueError` if ``method`` takes images, or its encoder expects inputs of another width."""
        if isinstance(method, VisionMethod):
            raise ValueError(f"'model.method' must take graphs, which 'data' are (got {type(method).__name__})")
        super().check(method)

    def batches(self) -> Iterable[Data]:
        """The graph: an epoch is one step."""
        return FullGraph(self.graph)

    @torch.no_grad()
    def embed(self, method: nn.Module) -> Tensor:
        """The embeddings [n, d] of all nodes, without augmentation."""
        return method.embed(self.graph.to(device_of(method))).float().cpu()


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
