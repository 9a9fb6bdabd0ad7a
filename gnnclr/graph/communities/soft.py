"""Nodes repel each other less, the more partitions agree on them."""

import math

from torch import Tensor
from torch_geometric.transforms import BaseTransform

from gnnclr.graph.check_graph import check_graph
from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.graph.log_weight import add_log_weight, weight_dtype
from gnnclr.graph.partition import of_nodes
from gnnclr.ops.check import check_matrix, check_positive


class SoftCommunity(BaseTransform):
    r"""Weighs negatives by how many of many partitions put them into one community.

    .. math:: w_{ij} = \rho^{\langle \mathbf{a}_i, \mathbf{a}_j \rangle}

    With the columns of :func:`co_association`, the weight is :math:`\rho` where all partitions agree and one where
    none does. Any soft memberships may take their place.

    Args:
        columns (Tensor): The columns :math:`\mathbf{a}_i` of each sample of the data [N, r].
        rho (float, optional): The weight :math:`\rho > 0` of certain members of one community. (default: ``0.5``)
    """

    def __init__(self, columns: Tensor, rho: float = 0.5):
        self.rho: float = float(check_positive("rho", rho))
        self.refresh(columns)

    def refresh(self, columns: Tensor) -> "SoftCommunity":
        """Takes new columns [N, r], and returns the rule."""
        self.columns: Tensor = check_matrix("columns", columns, finite=True).detach()
        return self

    def forward(self, data: ContrastGraph) -> ContrastGraph:
        """The graph with log-weights added to its negatives."""
        a = of_nodes("columns", self.columns, check_graph(data)).to(weight_dtype(data))
        if self.rho == 1 or a.size(0) == 0:
            return data
        return add_log_weight(data, math.log(self.rho) * a, a, symmetric=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(rank={self.columns.size(1)}, rho={self.rho:g})"
