"""Batches of a large graph: subgraphs that its communities, or random nodes, induce."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from gnnclr.graph.batches import EpochBatches
from gnnclr.graph.partition import check_community, contiguous
from gnnclr.graph.weighted_edges import edges_of
from gnnclr.node.loader.induced_subgraphs import InducedSubgraphs
from gnnclr.ops.check import check_count


class SubgraphLoader(EpochBatches):
    r"""Base class of loaders whose batches are induced subgraphs, each node in one batch of an epoch.

    A subclass writes :meth:`order`, an order of the nodes that is cut into batches of equal size up to one.

    Edges between batches are not seen in an epoch, so degrees are those within the batch. Negatives are nodes of the
    same batch. Embeddings of all nodes come from the whole graph, by :meth:`~gnnclr.node.NodeMethod.embed` or
    :func:`~gnnclr.node.layer_wise_embed`.

    Args:
        data (Data): The graph; ``x`` may be sparse CSR.
        batch_size (int, optional): The most nodes of a batch, on every process. (default: ``4096``)
        seed (int, optional): The seed of the order. (default: ``0``)
        rank (int, optional): The number of this process. (default: ``0``)
        world_size (int, optional): The number of processes; the nodes of a step are cut into a batch for each.
            (default: ``1``)

    Returns:
        Iterating gives :class:`~torch_geometric.data.Data`, which any :class:`~gnnclr.node.NodeMethod` takes: ``x``,
        ``edge_index``, further tensors of its nodes and edges (``y``, masks), and ``n_id``, the nodes.
    """

    def __init__(self, data: Data, batch_size: int = 4096, seed: int = 0, rank: int = 0, world_size: int = 1):
        super().__init__(seed, rank, world_size)
        self.batch_size: int = check_count("batch_size", batch_size)
        self.subgraphs: InducedSubgraphs = InducedSubgraphs(data)
        self.num_nodes: int = int(data.num_nodes)
        self._length = -(-self.num_nodes // (batch_size * world_size))
        if not 0 < self._length * world_size <= self.num_nodes:
            raise ValueError(f"'data' must have a node for each of {world_size} processes (got {self.num_nodes} nodes)")

    def order(self, generator: torch.Generator) -> Tensor:
        """The nodes of an epoch in order [n], a permutation drawn with ``generator`` alone."""
        raise NotImplementedError

    def __len__(self) -> int:
        return self._length

    def epoch_batches(self, generator: torch.Generator) -> Callable[[int], Data]:
        """The subgraphs of this process."""
        nodes = self.order(generator).tensor_split(len(self))
        return lambda k: self.subgraphs(nodes[k].tensor_split(self.world_size)[self.rank])

    def layout(self) -> dict[str, int]:
        """The nodes of a step on all processes, and those of the graph."""
        return {"global_batch": self.batch_size * self.world_size, "num_nodes": self.num_nodes}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_nodes}, batch_size={self.batch_size})"


class RandomNodeLoader(SubgraphLoader):
    """Batches of random nodes, and the few edges between them: of :math:`B` out of :math:`n` nodes the share
    :math:`B / n`. The baseline of :class:`CommunityLoader`.

    PyG's loader of this name draws from the global generator; this one is resumable. Arguments are those of
    :class:`SubgraphLoader`.
    """

    def order(self, generator: torch.Generator) -> Tensor:
        """A random permutation."""
        return torch.randperm(self.num_nodes, generator=generator)


class CommunityLoader(SubgraphLoader):
    r"""Batches of several random communities each, as in `"Cluster-GCN: An Efficient Algorithm for Training Deep and
    Large Graph Convolutional Networks" <https://arxiv.org/abs/1905.07953>`_: edges of a community lie within a batch.

    Communities stand in a random order, anew in each epoch, which is cut into batches of equal size: at most two
    communities of a batch are cut. With communities much smaller than a batch few edges are lost; a larger one is split
    at random, and loses most of them, so take a ``resolution`` of :func:`~gnnclr.graph.communities.leiden` that makes
    them small. Negatives of one community are hard, and some are false. :class:`torch_geometric.loader.ClusterLoader`
    needs METIS from compiled extensions, and takes no other communities.

    Args:
        data (Data): The graph; ``x`` may be sparse CSR.
        community (Tensor or callable): The community of each node [n], from
            :func:`~gnnclr.graph.communities.leiden` or :func:`~gnnclr.graph.communities.louvain`, or what finds it of
            ``(x, edge_index, seed)``, once: :class:`~gnnclr.graph.communities.EdgeCommunities` or
            :class:`~gnnclr.graph.communities.PropagatedCommunities`. The authors take 1,500 parts of 232,965 nodes, 20
            a batch.
        batch_size (int, optional): The most nodes of a batch. (default: ``4096``)
        **kwargs (optional): ``seed``, ``rank`` and ``world_size`` of :class:`SubgraphLoader`.
    """

    def __init__(self, data: Data, community: Tensor | Callable[..., Any], batch_size: int = 4096, **kwargs: int):
        super().__init__(data, batch_size, **kwargs)
        if callable(community):
            community = community(data.x, edges_of(data), self.seed)
        self.community: Tensor = contiguous(check_community("community", community, self.num_nodes)).cpu()

    def order(self, generator: torch.Generator) -> Tensor:
        """Communities at random, and their nodes at random."""
        place = torch.randperm(int(self.community.max()) + 1, generator=generator)
        nodes = torch.randperm(self.num_nodes, generator=generator)
        return nodes[torch.argsort(place[self.community[nodes]], stable=True)]
