"""The base of rewirings whose rule is made of something found in the data."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from torch import Tensor
from torch_geometric.transforms import BaseTransform, Compose

from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.ops.check import describe

T = TypeVar("T")


class RuleOfFindings(BaseTransform):
    """Base class of rewirings that make a rule from a tensor found in the data, such as communities or neighbors, and
    apply it to the graph of every batch. A subclass makes :attr:`fitted` by :attr:`rule`; what is found is not part of
    a copy that is pickled.

    Args:
        rule (callable): Makes a rewiring of that tensor, which is the first argument of its class.
    """

    #: What makes :attr:`fitted`, for the error where that is missing.
    call = "fit(data)"

    def __init__(self, rule: Callable[[Tensor], BaseTransform]):
        if not callable(rule):
            raise ValueError(f"'rule' must be callable (got {describe(rule)})")
        self.rule = rule
        self.fitted: BaseTransform | None = None

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The rewired graph."""
        if self.fitted is None:
            raise ValueError(f"'{type(self).__name__}' must be fitted before it is used: call {self.call}")
        return self.fitted(data)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"fitted": None}


def parts_of(rewire: Any, kind: type[T]) -> Iterator[T]:
    """The rewirings of a kind, of one rewiring or of those that are composed in it.

    Args:
        rewire (callable): The rewiring.
        kind (type): Their class.
    """
    if isinstance(rewire, Compose):
        for part in rewire.transforms:
            yield from parts_of(part, kind)
    elif isinstance(rewire, kind):
        yield rewire
