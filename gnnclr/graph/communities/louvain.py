"""Communities of high modularity, by Louvain."""

from torch import Tensor

from gnnclr.graph.simple_graph import partition_of
from gnnclr.graph.weighted_edges import Edges
from gnnclr.ops.check import check_positive, check_seed


def louvain(edge_index: Edges, num_nodes: int, resolution: float = 1.0, seed: int = 0) -> Tensor:
    r"""Communities by `"Fast Unfolding of Communities in Large Networks" <https://arxiv.org/abs/0803.0476>`_, which
    climbs the :func:`modularity` node by node and community by community.

    Edges count once and in both directions, by their weights where they have some. An isolated node is a community of
    its own. Labels are ordered by size, the largest community first. Needs scikit-network.

    Args:
        edge_index (Tensor or WeightedEdges): Edges, directed or not, and their weights, if any.
        num_nodes (int): Number of nodes.
        resolution (float, optional): The factor :math:`\gamma` of modularity: higher makes more and smaller
            communities. (default: ``1.0``)
        seed (int, optional): Seed of the order in which nodes are visited. (default: ``0``)

    Shapes:
        - **input:** edges :math:`(2, e)`
        - **output:** labels :math:`(n)`, int64, from :math:`0` to :math:`K - 1`
    """
    from sknetwork.clustering import Louvain

    check_positive("resolution", resolution)
    seed = check_seed("seed", seed, bits=32)
    options = {"shuffle_nodes": True, "return_probs": False, "return_aggregate": False}
    model = Louvain(resolution, "newman", random_state=seed, **options)
    return partition_of(model, edge_index, num_nodes)
