"""The graph of nearest neighbors."""

import copy
import sys
from itertools import pairwise

import torch
from torch import Tensor
from torch_geometric.utils import scatter

from gnnclr.graph.exact import nearest, tile_rows
from gnnclr.graph.index import KNNIndex, load_faiss
from gnnclr.ops.check import check_choice, check_count, check_index, check_matrix, describe
from gnnclr.ops.unit_rows import unit_rows

# Exact search on one CPU core: FAISS is as fast as torch at 2,048 nodes, and 1.3 to 1.9 times faster from 4,096 on.
FAISS_NODES = 2048


def knn_graph(
    x: Tensor,
    k: int,
    batch: Tensor | None = None,
    loop: bool = False,
    flow: str = "source_to_target",
    cosine: bool = False,
    index: KNNIndex | str | None = None,
) -> Tensor:
    r"""The graph in which every node receives an edge from each of its :math:`k` nearest neighbors, in linear memory.

    Arguments and order of the edges are those of :func:`torch_geometric.nn.knn_graph`, which needs compiled extensions
    and has no approximate search. A node is told from its
    duplicates by its number, so that duplicates are neighbors at distance zero and a node never is its own. Rows of
    zeros have cosine similarity 0 to all others. Ties are broken alike in every call.

    Args:
        x (torch.Tensor): Node features; float32 arithmetic at least.
        k (int): Neighbors of each node. Where fewer nodes are left, all of them are taken.
        batch (torch.Tensor, optional): The example each node belongs to, in any order: only nodes of the same example
            are neighbors. (default: ``None``, one example)
        loop (bool, optional): Count the node itself as its nearest neighbor. (default: ``False``)
        flow (str, optional): With ``"source_to_target"`` neighbors are ``edge_index[0]`` and their centers
            ``edge_index[1]``; with ``"target_to_source"`` the other way round. (default: ``"source_to_target"``)
        cosine (bool, optional): Compare directions instead of distances. (default: ``False``)
        index (KNNIndex or str, optional): Approximate search: ``"ivf"``, ``"hnsw"``, ``"auto"``, which takes one by
            the number of nodes, or an index with settings of your own, whose rows are neither used nor changed. A node
            has fewer neighbors where the index finds fewer.
            (default: ``None``, exact: FAISS from 2,048 nodes on a CPU if it is installed, and torch otherwise)

    Shapes:
        - **input:** node features :math:`(|\mathcal{V}|, F)`, batch :math:`(|\mathcal{V}|)`
        - **output:** edges :math:`(2, |\mathcal{E}|)`, grouped by center in ascending order, nearest neighbor first

    Raises:
        ValueError: If an argument has the wrong type, shape or range, or if ``x`` is not finite.
    """
    check_matrix("x", x, finite=True)
    check_count("k", k)
    check_choice("flow", flow, ("source_to_target", "target_to_source"))
    n = x.size(0)
    batch = None if batch is None else check_index("batch", batch, n)
    index = _as_index(index, cosine)

    center = torch.arange(n, device=x.device)
    neighbor = _neighbors(x.detach(), k - loop, batch, cosine, index)
    if loop:
        neighbor = torch.cat([center[:, None], neighbor], dim=1)
    found = neighbor >= 0
    edges = [neighbor[found], center[:, None].expand_as(neighbor)[found]]
    return torch.stack(edges if flow == "source_to_target" else edges[::-1])


def _as_index(index: KNNIndex | str | None, cosine: bool) -> KNNIndex | None:
    if index is None:
        return None
    index = KNNIndex(index, cosine=cosine) if isinstance(index, str) else index
    if not isinstance(index, KNNIndex):
        raise ValueError(f"'index' must be 'flat', 'ivf', 'hnsw', 'auto' or a KNNIndex (got {describe(index)})")
    if index.cosine != cosine:
        raise ValueError(f"'index' must have cosine={cosine}, as the graph has (got cosine={index.cosine})")
    index = copy.copy(index)
    index.reset()
    return index


def _neighbors(x: Tensor, k: int, batch: Tensor | None, cosine: bool, index: KNNIndex | None) -> Tensor:
    """The numbers of the other nodes that are nearest to each node [n, k or fewer], -1 where there are none."""
    n = x.size(0)
    order, example = None, x.new_zeros(n, dtype=torch.long)
    if batch is not None:
        example, order = torch.unique(batch, return_inverse=True)[1].sort(stable=True)
        x = x[order]
    counts = torch.bincount(example).tolist()
    k = min(k, max(counts, default=0) - 1)
    if k < 1:
        return torch.empty(n, 0, dtype=torch.long, device=x.device)
    bounds = [0, *torch.tensor(counts).cumsum(0).tolist()]
    x = unit_rows(x) if cosine else _centered(x, example)

    if index is None and x.device.type == "cpu" and x.dtype == torch.float32 and n >= FAISS_NODES * len(counts):
        usable = sys.platform != "darwin" and load_faiss() is not None
        index = KNNIndex(cosine=cosine, backend="faiss") if usable else None
    neighbor = _search_tiles(x, k, example, bounds, cosine) if index is None else _search_index(x, k, bounds, index)
    if order is None:
        return neighbor
    out = torch.empty_like(neighbor)
    out[order] = order[neighbor].masked_fill(neighbor < 0, -1)
    return out


def _centered(x: Tensor, example: Tensor) -> Tensor:
    # Distances are expanded into products, which cancel badly far from the origin, overflow at huge scales and
    # underflow at tiny ones. A power of two scales without rounding.
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    exponent = torch.frexp(x.abs().amax()).exponent.clamp(-100, 126)
    x = torch.ldexp(x, -exponent)
    return x - scatter(x, example, dim=0, reduce="mean")[example]


def _search_index(x: Tensor, k: int, bounds: list[int], index: KNNIndex) -> Tensor:
    parts = []
    for start, stop in pairwise(bounds):
        rows = x[start:stop]
        index.reset()
        index.add(rows)
        found = index.search(rows, k, exclude=torch.arange(stop - start, device=x.device)).index
        parts.append(torch.where(found < 0, -1, found + start))
    return torch.cat(parts)


def _search_tiles(x: Tensor, k: int, example: Tensor, bounds: list[int], cosine: bool) -> Tensor:
    # Nodes are sorted by example: a tile of rows meets the columns from its first to its last example.
    n, parts = x.size(0), []
    number = torch.arange(n, device=x.device)
    step = tile_rows(max(stop - start for start, stop in pairwise(bounds)), x.device)
    edges = [(start, min(start + step, n)) for start in range(0, n, step)]
    firsts, lasts = (example[[pair[end] - end for pair in edges]].tolist() for end in (0, 1))
    for (start, stop), first, last in zip(edges, firsts, lasts):
        low, high = bounds[first], bounds[last + 1]
        skip = number[start:stop, None] == number[low:high]
        if first != last:
            skip |= example[start:stop, None] != example[low:high]
        found = nearest(x[start:stop], x[low:high], k, cosine, skip).index
        parts.append(torch.where(found < 0, -1, found + low))
    return torch.cat(parts)
