"""The base of rewirings whose rule is made of something found in the data."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch_geometric.transforms import BaseTransform

from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.ops.check import describe


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
