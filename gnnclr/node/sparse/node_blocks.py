"""Parts of a layer that are computed block by block of nodes."""

import copy

import torch
from torch import Tensor, nn
from torch_geometric.index import index2ptr
from torch_geometric.nn import GCNConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from gnnclr.node.sparse.csr_rows import entries_of


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
        edge_index (Tensor): Edges [2, e].
        num_nodes (int): The number of nodes.
        gcn (GCNConv, optional): A convolution of PyG whose weights of edges are wanted. (default: ``None``)
    """

    def __init__(self, edge_index: Tensor, num_nodes: int, gcn: GCNConv | None = None):
        weight = None
        if gcn is not None:
            # Degrees of the whole graph, which a block does not know.
            index, weight = gcn_norm(edge_index, None, num_nodes, gcn.improved, gcn.add_self_loops, gcn.flow)
            assert isinstance(index, Tensor)  # as what it is made of
            edge_index = index
        order = torch.argsort(edge_index[1], stable=True)
        self.source, self.pointer = edge_index[0, order], index2ptr(edge_index[1, order], num_nodes)
        self.weight = None if weight is None else weight[order]
        self.place = torch.full((num_nodes,), -1, device=order.device)

    def convolve(self, conv: nn.Module, x: Tensor, batch_size: int) -> Tensor:
        """The output of a layer at all nodes [n, d].

        Args:
            conv (torch.nn.Module): The layer, of PyG.
            x (Tensor): Features [n, F].
            batch_size (int): Nodes of a block.
        """
        if self.weight is not None:
            conv = copy.copy(conv)  # of which parameters are shared
            conv.normalize = False
        out = None
        for rows in torch.arange(x.size(0), device=x.device).split(batch_size):
            h = self._block(conv, x, rows)
            out = h.new_empty(x.size(0), h.size(1)) if out is None else out
            out[rows[0] : rows[-1] + 1] = h
        return x if out is None else out

    def _block(self, conv: nn.Module, x: Tensor, rows: Tensor) -> Tensor:
        entry, target = entries_of(self.pointer, rows)
        source = self.source[entry]
        self.place[rows] = torch.arange(rows.numel(), device=rows.device)
        # The nodes of the block come first, then others that send to them.
        others = source[self.place[source] < 0].unique()
        self.place[others] = torch.arange(rows.numel(), rows.numel() + others.numel(), device=rows.device)
        nodes, edge_index = torch.cat([rows, others]), torch.stack([self.place[source], target])
        self.place[nodes] = -1
        weight = () if self.weight is None else (self.weight[entry],)
        return conv(x[nodes], edge_index, *weight)[: rows.numel()]
