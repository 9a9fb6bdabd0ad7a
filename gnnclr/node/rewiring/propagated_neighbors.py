"""Nearest neighbors in propagated features."""

from torch import Tensor

from gnnclr.graph import knn_graph
from gnnclr.graph.weighted_edges import Edges
from gnnclr.node.sparse.propagate import propagate_features
from gnnclr.ops.check import check_count


class PropagatedNeighbors:
    r"""Finds the :math:`k` nodes whose propagated features :math:`\hat{\mathbf{A}}^{h} \mathbf{X}` are most alike by
    cosine, for :class:`~gnnclr.graph.AddNeighborPositives`.

    Args:
        k (int, optional): Neighbors of each node. (default: ``30``)
        hops (int, optional): The power :math:`h` of :func:`~gnnclr.node.propagate_features`. (default: ``2``)

    Shapes:
        - **input:** features :math:`(n, F)`, edges :math:`(2, e)`
        - **output:** edges from neighbors to nodes :math:`(2, nk)`
    """

    def __init__(self, k: int = 30, hops: int = 2):
        self.k: int = check_count("k", k)
        self.hops: int = check_count("hops", hops, least=0)

    def __call__(self, x: Tensor, edge_index: Edges, seed: int = 0) -> Tensor:
        """The neighbors of all nodes; nothing is drawn, and the seed is not used."""
        return knn_graph(propagate_features(x, edge_index, self.hops), self.k, cosine=True)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(k={self.k}, hops={self.hops})"
