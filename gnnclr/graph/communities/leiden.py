"""Communities of high modularity that are connected, by Leiden."""

from functools import cache
from typing import Any

from torch import Tensor

from gnnclr.graph.simple_graph import connected_parts, partition_of, simple_edges
from gnnclr.graph.weighted_edges import Edges
from gnnclr.ops.check import check_positive, check_seed


def leiden(edge_index: Edges, num_nodes: int, resolution: float = 1.0, seed: int = 0) -> Tensor:
    r"""Communities by `"From Louvain to Leiden: Guaranteeing Well-connected Communities"
    <https://arxiv.org/abs/1810.08473>`_: :func:`louvain`, but the parts that are joined are refined from single nodes
    within each community, and every community is connected.

    The refinement is greedy. Needs scikit-network.

    Args:
        edge_index (Tensor or WeightedEdges): Edges, directed or not, and their weights, if any.
        num_nodes (int): Number of nodes.
        resolution (float, optional): The factor :math:`\gamma` of modularity: higher makes more and smaller
            communities. (default: ``1.0``)
        seed (int, optional): Seed of the order in which nodes are visited. (default: ``0``)

    Shapes:
        - **input:** edges :math:`(2, e)`
        - **output:** labels :math:`(n)`, int64, from :math:`0` to :math:`K - 1`, the largest community first
    """
    check_positive("resolution", resolution)
    seed = check_seed("seed", seed, bits=32)
    options = {"shuffle_nodes": True, "return_probs": False, "return_aggregate": False}
    model = _model()(resolution, "newman", random_state=seed, **options)
    return connected_parts(partition_of(model, edge_index, num_nodes), simple_edges(edge_index, num_nodes)[0])


@cache
def _model() -> type:
    from scipy.sparse import csr_matrix
    from sknetwork.clustering import Leiden

    class GreedyLeiden(Leiden):
        """Refines by the local search of Louvain within communities. The refinement of scikit-network 0.33 moves nodes
        back and forth without end where gains are rounding errors, and ignores the seed."""

        def _optimize_refine(
            self, labels: Any, labels_refined: Any, adjacency: Any, out_weights: Any, in_weights: Any
        ) -> Any:
            edges = adjacency.tocoo()
            inside = labels[edges.row] == labels[edges.col]
            edges = csr_matrix((edges.data[inside], (edges.row[inside], edges.col[inside])), shape=adjacency.shape)
            return self._optimize(labels_refined, edges, out_weights, in_weights)[0]

    return GreedyLeiden
