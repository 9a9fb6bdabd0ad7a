"""The base of data modules that hold one graph."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from gnnclr.eval import ProbeResult, Split, multilabel_probe
from gnnclr.eval.labels import probed_split
from gnnclr.node import choose_propagation
from gnnclr.node.choice.criteria import ByValidation
from gnnclr.node.datasets.load import own_node_data
from gnnclr.node.transforms.fitted import apply_transform, fitted_transforms
from gnnclr.ops.labels import class_labels, is_multilabel
from gnnclr.ops.notice import notice
from gnnclr.train.contrastive_data import ContrastiveData, device_of
from gnnclr.train.method_parts import method_parts
from gnnclr.vision.methods.method import VisionMethod


class GraphData(ContrastiveData):
    """Base class of data that are one graph, which is the batch, and its labeled nodes for the probes. A graph without
    labels can be trained on and embedded; nothing is probed then, as where all labels are of one class. Nodes whose
    label is missing (``-1``, or NaN where labels are floats) are trained on and embedded as others are, and left out of
    the split. Labels may be zeros and ones [n, c], where a node may have several.

    A subclass writes :meth:`load` and :meth:`baselines`, the features that need no training.

    Args:
        seed (int, optional): The seed of the order of batches, where there are several. (default: ``0``)
    """

    transform: Callable[..., Any] | None = None
    #: Whether the other direction of each edge of a file is added.
    undirected: bool = False
    #: What several processes can share instead, for the message that refuses them.
    share_hint: str = ""

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
            self.in_channels: int = self.graph.num_features
            if self.graph.y is not None:
                y, n = self.graph["y"], self.graph.num_nodes
                self.labels: Tensor | None = y if is_multilabel(y) else class_labels("data.y", y, n, from_zero=True)
                self.split: Split | None = probed_split(self.labels, lambda: Split.from_masks(self.graph), "node")
                self.class_names: list[str] | None = self.graph.class_names if "class_names" in self.graph else None

    def check(self, method: nn.Module) -> None:
        """Raises a :class:`ValueError` if ``method`` takes images, or its encoder expects inputs of another width."""
        if isinstance(method, VisionMethod):
            raise ValueError(f"'model.method' must take graphs, which 'data' are (got {type(method).__name__})")
        super().check(method)

    def check_processes(self, method: nn.Module, count: int) -> None:
        """Raises a :class:`ValueError` if several processes would do the same whole graph each; methods that draw the
        nodes of a step themselves share it."""
        draws = any(isinstance(part, nn.Module) and getattr(part, "batch_size", None) for part in method_parts(method))
        if count > 1 and not draws:
            raise ValueError(
                f"'trainer.devices' must be 1 where a step is the whole graph, which processes cannot share "
                f"(got {count}){self.share_hint}"
            )

    def batches(self) -> Iterable[Data]:
        """The graph: an epoch is one step."""
        return FullGraph(self.graph)

    def choose_blocks(self) -> list[list[float]]:
        """How the features are propagated, by :func:`gnnclr.node.choose_propagation`; a printed line says what was
        chosen, and by what."""
        self.setup("fit")
        choice = choose_propagation(self.graph, self.labels, self.split)
        notice(str(choice))
        return [list(block) for block in choice.blocks]

    def needs_no_training(self, method: nn.Module) -> str | None:
        """A method that has ``keep_by`` is trained only where validation nodes can tell whether that is kept."""
        if not hasattr(method, "keep_by") or self._validated:
            return None
        return "nothing is trained: there are no validation labels to tell whether it helps; features are kept"

    def finish(self, method: nn.Module) -> None:
        """Lets a method that has ``keep_by`` choose by the validation nodes whether its training is kept."""
        keep_by = getattr(method, "keep_by", None)
        if keep_by is None:
            return
        if not self._validated:
            keep_by(None)
            return
        notice(keep_by(ByValidation(self.graph.to(device_of(method)), self.labels, self.split)))

    @property
    def _validated(self) -> bool:
        return self.split is not None and self.split.val.numel() > 0

    def fitted(self) -> list[dict[str, Tensor]]:
        """What the fitted transforms of the graph learned, one after the other."""
        return [part.state or {} for part in fitted_transforms(self.transform)]

    def read_other(self, value: Any, name: str, fitted: list[dict[str, Tensor]]) -> Data:
        """Another graph as that of the training: read and transformed alike, and fitted to nothing.

        Args:
            value (Data or dict): The graph, see :func:`~gnnclr.node.datasets.own_graph.own_graph`.
            name (str): Its name, for the paragraph that is printed.
            fitted (list): What :meth:`fitted` was after the training.

        Raises:
            ValueError: If it is none that the transforms can be applied to.
        """
        parts = list(fitted_transforms(self.transform))
        if len(parts) != len(fitted):
            raise ValueError(f"'data.transform' must have the {len(fitted)} fitted parts of the run (got {len(parts)})")
        for part, state in zip(parts, fitted):
            part.state = state
        self.graph = self.own(value, name, partial(apply_transform, self.transform))
        return self.graph

    def own(self, value: Any, name: str, transform: Callable[[Data], Data]) -> Data:
        """A graph of one's own, without a split; a subclass says of which kind."""
        return own_node_data(value, name, transform, None, self.undirected)

    def evaluate(self, methods: Mapping[str, nn.Module]) -> dict[str, dict[str, ProbeResult]]:
        """Probes the baselines and the features of ``methods`` alike: by a linear probe and kNN, or where a node may
        have several labels by :func:`~gnnclr.eval.multilabel_probe`.

        Args:
            methods (dict): Methods by name, such as ``{"untrained": ..., "trained": ...}``.

        Returns:
            dict: For each row a dict of probe results; empty where nothing can be probed.
        """
        self.setup("evaluate")
        if self.split is None or not is_multilabel(self.labels):
            return super().evaluate(methods)
        results = {}
        for name, make in self.features(methods).items():
            scores = multilabel_probe(make(), self.labels, self.split)
            micro = ProbeResult(scores.micro_f1, scores.val_micro_f1, {"C": scores.C})
            results[name] = {"Micro-F1": micro, "Macro-F1": ProbeResult(scores.macro_f1, math.nan, {"C": scores.C})}
        return results

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
