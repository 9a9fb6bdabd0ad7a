"""Transforms that learn from the features of one graph what others are then transformed by."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from gnnclr.graph.composed import composed

#: Transforms of PyG whose columns mean something else on each graph.
OF_THEIR_GRAPH = ("AddLaplacianEigenvectorPE", "SVDFeatureReduction")


class FittedTransform(BaseTransform):
    """Base class of transforms that are fitted to a graph: calling one fits it anew, :meth:`apply` does not.

    A subclass writes :meth:`fit`, and :meth:`transform` for another graph.
    """

    #: What was learned from the last graph that was transformed, by name.
    state: dict[str, Tensor] | None = None

    def forward(self, data: Data) -> Data:
        """The graph with transformed features, to which the transform is fitted."""
        self.state, data.x = self.fit(data)
        return data

    def apply(self, data: Data) -> Data:
        """Another graph, transformed as the one that the transform is fitted to.

        Args:
            data (Data): A graph with as many features, which is left as it is.

        Raises:
            ValueError: If the transform is not fitted, or the graph has another number of features.
        """
        name = type(self).__name__
        if self.state is None:
            raise ValueError(f"{name} must be fitted to a graph before it is applied to another one")
        width = next(iter(self.state.values())).size(-1)
        if data.x.size(1) != width:
            raise ValueError(f"'data.x' must have the {width} columns that {name} is fitted to (got {data.x.size(1)})")
        data = copy.copy(data)
        data.x = self.transform(data)
        return data

    def fit(self, data: Data) -> tuple[dict[str, Tensor], Tensor]:
        """What is learned from a graph, tensors whose last dimension are its features, and its features transformed."""
        raise NotImplementedError

    def transform(self, data: Data) -> Tensor:
        """The features of another graph, transformed by :attr:`state`."""
        raise NotImplementedError


def fitted_transforms(transform: Callable[..., Any] | None) -> Iterator[FittedTransform]:
    """The fitted transforms among those that are composed in one."""
    return (part for part in composed(transform) if isinstance(part, FittedTransform))


def apply_transform(transform: Callable[..., Any] | None, data: Data) -> Data:
    """Another graph, by a transform whose fitted parts stay as they are.

    Args:
        transform (callable, optional): A transform, or several that are composed; others than fitted ones are called.
        data (Data): The graph.

    Raises:
        ValueError: If a part is made of one graph alone, or does not fit.
    """
    for part in composed(transform) if transform is not None else ():
        if type(part).__name__ in OF_THEIR_GRAPH:
            raise ValueError(
                f"{type(part).__name__} makes features that mean something else on each graph: a run with it cannot "
                f"embed another one; gnnclr.node.SVDFeatures can be applied to others"
            )
        data = part.apply(data) if isinstance(part, FittedTransform) else part(data)
    return data
