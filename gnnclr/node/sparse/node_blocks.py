"""Parts of a layer that are computed block by block of nodes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch_geometric.index import index2ptr
from torch_geometric.nn import GCNConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from gnnclr.graph.weighted_edges import Edges, check_weighted_edges, with_weights
from gnnclr.node.sparse.csr_rows import entries_of
from gnnclr.ops.processes.gather_rows import gather_rows

#: Whether processes share the blocks of nodes.
_shared: ContextVar[bool] = ContextVar("shared", default=False)


@contextmanager
def blocks_over_processes() -> Iterator[None]:
    """While the block runs, each process computes the blocks of a range of the nodes, and has the rows of all
    afterwards; all processes do the same."""
    token = _shared.set(True)
    try:
        yield
    finally:
        _shared.reset(token)


def are_shared() -> bool:
    """Whether processes share the blocks of nodes."""
    return _shared.get()


def map_blocks(block: Callable[[Tensor], Tensor], num_nodes: int, batch_size: int, device: torch.device) -> Tensor:
    """The rows of all nodes [n, d], of blocks of them.

    Args:
        block (callable): Makes the rows of some nodes, of their numbers.
        num_nodes (int): The number of nodes, of which there is one for each process at least.
        batch_size (int): Nodes of a block.
        device (torch.device): Where the numbers are.
    """
    ranges = torch.arange(num_nodes, device=device).tensor_split(dist.get_world_size() if are_shared() else 1)
    own = ranges[dist.get_rank() if are_shared() else 0]
    out, done = None, 0
    for rows in own.split(batch_size):
        h = block(rows)
        out = h.new_empty(own.numel(), h.size(1)) if out is None else out
        out[done : done + rows.numel()] = h
        done += rows.numel()
    assert out is not None  # the blocks of no nodes are one of none
    return gather_rows(out, [part.numel() for part in ranges]) if are_shared() else out


def activate(activation: nn.Module, x: Tensor, batch_size: int) -> Tensor:
    """The activation in place, block by block.

    Args:
        activation (torch.nn.Module): The activation.
        x (Tensor): Features [n, d].
        batch_size (int): Nodes of a block.
    """
    for block in x.split(batch_size):
        block.copy_(activation(block))
    return x


class InEdges:
    """The edges of a graph by the node they enter, for convolutions whose output at a node is a function of those
    edges.

    Args:
        edges (Tensor or WeightedEdges): Edges [2, e].
        num_nodes (int): The number of nodes.
        gcn (GCNConv, optional): A convolution of PyG whose normalized weights of edges are wanted. (default: ``None``)
    """

    def __init__(self, edges: Edges, num_nodes: int, gcn: GCNConv | None = None):
        edge_index, weight = check_weighted_edges(edges, num_nodes)
        if gcn is not None:
            # Degrees of the whole graph, which a block does not know.
            index, weight = gcn_norm(edge_index, weight, num_nodes, gcn.improved, gcn.add_self_loops, gcn.flow)
            assert isinstance(index, Tensor)  # as what it is made of
            edge_index = index
        order = torch.argsort(edge_index[1], stable=True)
        self.source: Tensor = edge_index[0, order]
        self.pointer: Tensor = index2ptr(edge_index[1, order], num_nodes)
        self.weight: Tensor | None = None if weight is None else weight[order]
        self.place: Tensor = torch.full((num_nodes,), -1, device=order.device)

    def convolve(self, conv: Callable[[Tensor, Edges], Tensor], x: Tensor, batch_size: int) -> Tensor:
        """The output of a layer at all nodes [n, d].

        Args:
            conv (callable): The layer, a function of features and edges; one of ``gcn`` must not normalize.
            x (Tensor): Features [n, F].
            batch_size (int): Nodes of a block.
        """
        if x.size(0) == 0:
            return x
        return map_blocks(lambda rows: self._block(conv, x, rows), x.size(0), batch_size, x.device)

    def _block(self, conv: Callable[[Tensor, Edges], Tensor], x: Tensor, rows: Tensor) -> Tensor:
        entry, target = entries_of(self.pointer, rows)
        source = self.source[entry]
        self.place[rows] = torch.arange(rows.numel(), device=rows.device)
        # The nodes of the block come first, then others that send to them.
        others = source[self.place[source] < 0].unique()
        self.place[others] = torch.arange(rows.numel(), rows.numel() + others.numel(), device=rows.device)
        nodes, edge_index = torch.cat([rows, others]), torch.stack([self.place[source], target])
        self.place[nodes] = -1
        weight = None if self.weight is None else self.weight[entry]
        return conv(x[nodes], with_weights(edge_index, weight))[: rows.numel()]
