"""Communities of the graph at hand, with settings that a recipe can name."""

from torch import Tensor

from gnnclr.graph.communities.leiden import leiden
from gnnclr.graph.communities.louvain import louvain
from gnnclr.graph.communities.merge_small import merge_small
from gnnclr.graph.communities.propagated_kmeans import propagated_kmeans
from gnnclr.graph.weighted_edges import Edges
from gnnclr.ops.check import check_choice, check_count, check_positive

DETECTORS = {"louvain": louvain, "leiden": leiden}


class EdgeCommunities:
    """Finds communities by the edges alone: :func:`louvain` or :func:`leiden`.

    Args:
        method (str, optional): ``"louvain"`` or ``"leiden"``. (default: ``"louvain"``)
        resolution (float, optional): Higher makes more and smaller communities. (default: ``1.0``)
        min_size (int, optional): Communities of fewer nodes join others, see :func:`merge_small`.
            (default: ``0``, none do)

    Shapes:
        - **input:** features :math:`(n, F)`, edges :math:`(2, e)`, also as :class:`~gnnclr.graph.WeightedEdges`
        - **output:** labels :math:`(n)`
    """

    def __init__(self, method: str = "louvain", resolution: float = 1.0, min_size: int = 0):
        self.method: str = check_choice("method", method, tuple(DETECTORS))
        self.resolution: float = check_positive("resolution", resolution)
        self.min_size: int = check_count("min_size", min_size, least=0)

    def __call__(self, x: Tensor, edge_index: Edges, seed: int = 0) -> Tensor:
        """The community of each node."""
        community = DETECTORS[self.method](edge_index, x.size(0), self.resolution, seed)
        return community if self.min_size < 2 else merge_small(community, edge_index, self.min_size)

    def __repr__(self) -> str:
        options = f"{self.method!r}, resolution={self.resolution:g}, min_size={self.min_size}"
        return f"{type(self).__name__}({options})"


class PropagatedCommunities:
    """Finds communities by features and edges together: :func:`propagated_kmeans`.

    Args:
        num_communities (int): The number of communities.
        hops (int, optional): Propagations; with ``0`` edges play no role. (default: ``2``)
        rank (int, optional): Singular vectors to keep. (default: ``64``)

    Shapes:
        - **input:** features :math:`(n, F)`, edges :math:`(2, e)`, also as :class:`~gnnclr.graph.WeightedEdges`
        - **output:** labels :math:`(n)`
    """

    def __init__(self, num_communities: int, hops: int = 2, rank: int = 64):
        self.num_communities: int = check_count("num_communities", num_communities)
        self.hops: int = check_count("hops", hops, least=0)
        self.rank: int = check_count("rank", rank)

    def __call__(self, x: Tensor, edge_index: Edges, seed: int = 0) -> Tensor:
        """The community of each node."""
        return propagated_kmeans(x, edge_index, self.num_communities, self.hops, self.rank, seed)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_communities}, hops={self.hops}, rank={self.rank})"
