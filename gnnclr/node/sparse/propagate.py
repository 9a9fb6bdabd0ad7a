"""Features averaged over neighborhoods: the baseline to beat."""

from torch import Tensor

from gnnclr.node.sparse.adjacency import as_adjacency
from gnnclr.node.sparse.csr import spmm
from gnnclr.ops.check import check_count


def propagate_features(x: Tensor, edge_index: Tensor, hops: int = 2) -> Tensor:
    r"""Features propagated as in `"Simplifying Graph Convolutional Networks" <https://arxiv.org/abs/1902.07153>`_.

    .. math:: \hat{\mathbf{A}}^{k}\, \mathbf{X}

    Nothing is learned, and yet many trained encoders are worse; results belong beside this row.

    Args:
        x (Tensor): Features, dense or sparse CSR.
        edge_index (Tensor): Edges [2, e], or a sparse CSR adjacency matrix used as it is.
        hops (int, optional): The power :math:`k`. (default: ``2``)

    Shapes:
        - **input:** :math:`(n, d)`
        - **output:** dense :math:`(n, d)`
    """
    check_count("hops", hops, least=0)
    adjacency, x = as_adjacency(edge_index, x.size(0)), x.to_dense()
    for _ in range(hops):
        x = spmm(adjacency, x)
    return x
