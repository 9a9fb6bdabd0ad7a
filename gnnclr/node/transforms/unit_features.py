"""Features of length one."""

from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from gnnclr.node.datasets.data import check_parts
from gnnclr.ops.check import check_matrix
from gnnclr.ops.unit_rows import unit_rows


class UnitFeatures(BaseTransform):
    """Brings the dense features of each node to length one, where
    :class:`torch_geometric.transforms.NormalizeFeatures` brings them to sum one."""

    def forward(self, data: Data) -> Data:
        """The graph with unit rows ``x``; rows of zeros stay."""
        x = check_matrix("data.x", check_parts(data, "x").x)
        data.x = unit_rows(x).to(x.dtype)
        return data
