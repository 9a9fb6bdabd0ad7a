"""What a method for graphs expects of its data."""

import torch
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from gnnclr.node.sparse import csr_tensor
from gnnclr.ops.check import describe


def check_node_data(data: Data, *, finite: bool = False) -> Data:
    """Returns ``data`` if it is a graph with node features, and raises a :class:`ValueError` otherwise.

    Args:
        data (Data): The graph. Nodes without an edge are fine.
        finite (bool, optional): Also refuse NaN and infinite features. (default: ``False``)
    """
    x, edge_index = getattr(data, "x", None), getattr(data, "edge_index", None)
    if not isinstance(x, torch.Tensor) or x.dim() != 2 or not x.is_floating_point() or x.size(1) == 0:
        raise ValueError(f"'data.x' must hold floating point node features of shape [n, d] (got {describe(x)})")
    if not isinstance(edge_index, torch.Tensor) or edge_index.dim() != 2:
        raise ValueError(f"'data.edge_index' must be a tensor of shape [2, e] (got {describe(edge_index)})")
    if finite:
        values = x.values() if x.layout == torch.sparse_csr else x
        bad = int((~torch.isfinite(values)).sum())
        if bad:
            raise ValueError(f"'data.x' must be finite (got {bad} NaN or infinite entries)")
    return data


class SparseFeatures(BaseTransform):
    """Stores ``x`` as a sparse CSR matrix if few entries are not zero, as in bags of words.

    :class:`~gnnclr.node.GCNEncoder` then multiplies by the entries that are there: on Cora's features (1.3 % of the
    entries) 3 to 7 ms forward and backward instead of 24 to 46 ms. At 10 % dense products are as fast.

    Args:
        max_density (float, optional): Largest share of non-zero entries that is stored as sparse. (default: ``0.05``)
    """

    def __init__(self, max_density: float = 0.05):
        self.max_density = max_density

    def forward(self, data: Data) -> Data:
        """The graph with ``x`` in the layout that suits it."""
        x = data.x
        if x is not None and x.layout == torch.strided and x.count_nonzero() <= self.max_density * x.numel():
            row, col = x.nonzero(as_tuple=True)
            data.x = csr_tensor(row, col, x[row, col], tuple(x.shape))
        return data

    def __repr__(self) -> str:
        return f"{type(self).__name__}(max_density={self.max_density})"
