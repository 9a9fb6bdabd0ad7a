"""Features propagated over edges."""

from collections.abc import Iterable, Iterator

from torch import Tensor

from gnnclr.graph.weighted_edges import Edges
from gnnclr.node.sparse.adjacency import as_adjacency
from gnnclr.node.sparse.csr import spmm
from gnnclr.ops.check import check_count, check_probability
from gnnclr.ops.unit_rows import unit_rows


def propagate_features(x: Tensor, edge_index: Edges, hops: int = 2) -> Tensor:
    r"""Features propagated as in `"Simplifying Graph Convolutional Networks" <https://arxiv.org/abs/1902.07153>`_.

    .. math:: \hat{\mathbf{A}}^{k}\, \mathbf{X}

    Nothing is learned, and yet many trained encoders are worse; results belong beside this row.

    Args:
        x (Tensor): Features, dense or sparse CSR.
        edge_index (Tensor or WeightedEdges): Edges [2, e], or a sparse CSR adjacency matrix used as it is.
        hops (int, optional): The power :math:`k`. (default: ``2``)

    Shapes:
        - **input:** :math:`(n, d)`
        - **output:** dense :math:`(n, d)`
    """
    return ppr_features(x, edge_index, 0.0, hops)


def ppr_features(x: Tensor, edge_index: Edges, alpha: float = 0.1, hops: int = 10) -> Tensor:
    r"""Features propagated as in `"Predict then Propagate: Graph Neural Networks meet Personalized PageRank"
    <https://arxiv.org/abs/1810.05997>`_.

    .. math:: \mathbf{H}^{(0)} = \mathbf{X}, \qquad
        \mathbf{H}^{(t+1)} = (1 - \alpha)\, \hat{\mathbf{A}} \mathbf{H}^{(t)} + \alpha \mathbf{X}

    With :math:`\alpha = 0` this is :func:`~gnnclr.node.propagate_features`.

    Args:
        x (Tensor): Features, dense or sparse CSR.
        edge_index (Tensor or WeightedEdges): Edges [2, e], or a sparse CSR adjacency matrix used as it is.
        alpha (float, optional): The weight :math:`\alpha` of the features themselves. (default: ``0.1``)
        hops (int, optional): Number of steps. (default: ``10``)

    Shapes:
        - **input:** :math:`(n, d)`
        - **output:** dense :math:`(n, d)`
    """
    check_probability("alpha", alpha)
    check_count("hops", hops, least=0)
    *_, (_, h) = ppr_walk(x, edge_index, alpha, [hops])
    return h


def ppr_walk(x: Tensor, edge_index: Edges, alpha: float, reaches: Iterable[int]) -> Iterator[tuple[int, Tensor]]:
    """The features of :func:`ppr_features` after each of some numbers of steps, the fewest first, in one walk. They may
    be kept, and must not be written into.

    Args:
        x (Tensor): Features [n, d], dense or sparse CSR.
        edge_index (Tensor or WeightedEdges): Edges [2, e], or a sparse CSR adjacency matrix used as it is.
        alpha (float): The weight of the features themselves.
        reaches (iterable of int): The numbers of steps.
    """
    adjacency, x = as_adjacency(edge_index, x.size(0)), x.to_dense()
    h, done = x, 0
    for hops in sorted(set(reaches)):
        for _ in range(hops - done):
            h = spmm(adjacency, h)
            if alpha:
                h = h.mul_(1 - alpha).add_(x, alpha=alpha) if not h.requires_grad else (1 - alpha) * h + alpha * x
        done = hops
        yield hops, h


def centered_rows(h: Tensor) -> Tensor:
    """Features whose columns have mean zero, and then rows length one.

    Args:
        h (Tensor): Dense features [n, d].
    """
    return unit_rows(h - h.mean(dim=0))
