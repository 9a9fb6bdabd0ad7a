"""A generated graph with communities, of any size."""

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import coalesce, to_undirected

from gnnclr.ops.check import check_count, check_number, check_positive, check_probability, check_seed, describe


def sparse_sbm(
    num_nodes: int = 169_343,
    num_edges: int = 1_166_243,
    num_classes: int = 40,
    num_features: int = 128,
    homophily: float = 0.65,
    exponent: float = 2.5,
    signal: float = 0.15,
    seed: int = 0,
) -> Data:
    r"""A graph from the degree-corrected model of `"Stochastic Blockmodels and Community Structure in Networks"
    <https://arxiv.org/abs/1008.3926>`_, edge by edge, in time and memory linear in nodes and edges, up to a logarithm.

    One end of an edge is drawn by weight; with probability :math:`h` the other end is of the same community, and
    otherwise of any other, by weight too. Weights have a power law, :math:`P(\theta) \propto \theta^{-\gamma}`, up to
    :math:`\sqrt{n}`. Features are :math:`s\, \mathbf{c}_{y_i} + \boldsymbol{\varepsilon}_i` with standard normal
    centers and noise. Defaults have the numbers of nodes, edges, features and classes of `ogbn-arxiv
    <https://arxiv.org/abs/2005.00687>`_ and about its homophily, but none of its content: a graph to measure time and
    memory with.

    Args:
        num_nodes (int, optional): Number of nodes. (default: ``169_343``)
        num_edges (int, optional): Number of undirected edges, without self-loops and repetitions; each stands in
            ``edge_index`` twice. (default: ``1_166_243``)
        num_classes (int, optional): Number of communities of equal size up to one, which are the labels. Nodes are in
            random order. (default: ``40``)
        num_features (int, optional): Size of the features. (default: ``128``)
        homophily (float, optional): The share :math:`h` of edges within communities, before repetitions are drawn
            again, most of which are within. (default: ``0.65``)
        exponent (float, optional): The exponent :math:`\gamma > 1` of the weights. (default: ``2.5``)
        signal (float, optional): The factor :math:`s` of the centers. (default: ``0.15``)
        seed (int, optional): Seed; the global generator is left alone. (default: ``0``)

    Returns:
        Data: ``x`` [n, f], ``edge_index`` [2, 2e], sorted by target, ``y``, and masks of a random split of 54 %
        training, 18 % validation and 28 % test nodes.

    Raises:
        ValueError: If there are more edges than a quarter of the pairs within communities.
    """
    for name, value in (("num_nodes", num_nodes), ("num_edges", num_edges), ("num_features", num_features)):
        check_count(name, value)
    if check_count("num_classes", num_classes, least=2) > num_nodes // 2:
        raise ValueError(f"'num_classes' must be from 2 to half of the nodes (got {describe(num_classes)})")
    check_probability("homophily", homophily)
    check_positive("signal", signal)
    check_number("exponent", exponent, above=1)
    most = num_nodes * (num_nodes // num_classes - 1) // 8
    if num_edges > most:
        raise ValueError(f"'num_edges' must be at most {most}, a quarter of the pairs within classes (got {num_edges})")
    generator = torch.Generator().manual_seed(check_seed("seed", seed))
    block = torch.arange(num_nodes) * num_classes // num_nodes
    # By inversion; cut at the root of n, so that no hub has a large share of all edges.
    theta = (1 - torch.rand(num_nodes, generator=generator, dtype=torch.float64)).pow(-1 / (exponent - 1))
    ends = _Ends(theta.clamp(max=num_nodes**0.5), block, generator)
    edges = torch.empty(2, 0, dtype=torch.long)
    while edges.size(1) < num_edges:
        drawn = ends.draw(num_edges - edges.size(1) + 16, homophily)
        edges = coalesce(torch.cat([edges, drawn], dim=1), num_nodes=num_nodes)
    edges = edges[:, torch.randperm(edges.size(1), generator=generator)[:num_edges]]
    name = torch.randperm(num_nodes, generator=generator)
    y = torch.empty_like(block)
    y[name] = block
    center = torch.randn(num_classes, num_features, generator=generator)
    x = torch.randn(num_nodes, num_features, generator=generator).add_(center[y], alpha=signal)
    edge_index = to_undirected(name[edges], num_nodes=num_nodes)
    # Both directions are there, so sorted by source and flipped they are sorted by target.
    data = Data(x=x, edge_index=edge_index.flip(0), y=y)
    part = torch.rand(num_nodes, generator=generator)
    data.train_mask, data.val_mask, data.test_mask = part < 0.54, (part >= 0.54) & (part < 0.72), part >= 0.72
    return data


class _Ends:
    """Draws pairs of nodes by weight; the nodes of a community stand side by side."""

    def __init__(self, weight: Tensor, block: Tensor, generator: torch.Generator):
        self.block, self.generator = block, generator
        self.sum = weight.cumsum(0)
        last = torch.bincount(block).cumsum(0) - 1
        self.high = self.sum[last]
        self.low = torch.cat([self.sum.new_zeros(1), self.high[:-1]])

    def draw(self, count: int, homophily: float) -> Tensor:
        """Edges [2, e] from the lower to the higher node, at most ``count``: those with two ends."""
        source = self._node(self._uniform(count) * self.sum[-1])
        block = self.block[source]
        low, high = self.low[block], self.high[block]
        inside = low + self._uniform(count) * (high - low)
        # All but the community's own stretch, which is skipped.
        outside = self._uniform(count) * (self.sum[-1] - (high - low))
        outside = torch.where(outside < low, outside, outside + (high - low))
        target = self._node(torch.where(self._uniform(count) < homophily, inside, outside))
        edges = torch.stack([torch.minimum(source, target), torch.maximum(source, target)])
        return edges[:, source != target]

    def _node(self, value: Tensor) -> Tensor:
        return torch.searchsorted(self.sum, value, right=True).clamp(max=self.sum.numel() - 1)

    def _uniform(self, count: int) -> Tensor:
        return torch.rand(count, generator=self.generator, dtype=torch.float64)
