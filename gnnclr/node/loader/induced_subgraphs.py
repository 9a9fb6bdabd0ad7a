"""Induced subgraphs, one after the other, of one graph."""

import copy

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.index import index2ptr

from gnnclr.node.datasets.data import check_node_data
from gnnclr.node.sparse.csr_rows import entries_of, select_rows
from gnnclr.ops.check import check_nodes


class InducedSubgraphs:
    r"""The subgraphs of a graph that sets of its nodes induce: the nodes, and all edges between them.

    Edges are sorted by target once; a subgraph then costs the edges that end in its nodes, where
    :func:`torch_geometric.utils.subgraph` passes over all edges of the graph.

    Args:
        data (Data): The graph: ``x``, dense or sparse CSR, and ``edge_index``. Tensors of nodes or edges go with them,
            anything else is shared.

    Shapes:
        - **input:** different nodes :math:`(m)`
        - **output:** a graph of :math:`m` nodes in this order, whose edges are sorted by target, with the nodes as
          ``n_id`` :math:`(m)`
    """

    def __init__(self, data: Data):
        data = check_node_data(data)
        source, target = data.edge_index
        self.data: Data = data
        self._order = None
        if not bool((target[1:] >= target[:-1]).all()):
            self._order = torch.argsort(target, stable=True)
            source, target = source[self._order], target[self._order]
        self._source, self._pointer = source, index2ptr(target, data.num_nodes)
        #: The place of each node in the subgraph that is being made, and -1 for all others.
        self._place = torch.full((data.num_nodes,), -1, device=source.device)

    def __call__(self, n_id: Tensor) -> Data:
        """The subgraph of the nodes ``n_id``."""
        n_id = check_nodes("n_id", n_id, self._place.numel()).to(self._source.device)
        entry, target = entries_of(self._pointer, n_id)
        own = torch.arange(n_id.numel(), device=n_id.device)
        self._place[n_id] = own
        if not self._place[n_id].equal(own):
            self._place[n_id] = -1
            raise ValueError(f"'n_id' must hold each node once (got {n_id.numel() - n_id.unique().numel()} repeats)")
        source = self._place[self._source[entry]]
        self._place[n_id] = -1
        inside = source >= 0
        edge = entry[inside] if self._order is None else self._order[entry[inside]]
        batch = copy.copy(self.data)
        for key, value in self.data.to_dict().items():
            if key == "edge_index":
                batch.edge_index = torch.stack([source[inside], target[inside]])
            elif isinstance(value, Tensor) and self.data.is_edge_attr(key):
                batch[key] = value.index_select(0, edge)
            elif isinstance(value, Tensor) and self.data.is_node_attr(key):
                batch[key] = select_rows(value, n_id)
        if "num_nodes" in self.data:
            batch.num_nodes = n_id.numel()
        batch.n_id = n_id
        return batch

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_nodes={self.data.num_nodes}, num_edges={self.data.num_edges})"
