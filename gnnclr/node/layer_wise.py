"""Embeddings of all nodes of a large graph, layer by layer."""

import copy

import torch
import torch_geometric.nn.norm
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.index import index2ptr
from torch_geometric.nn import EdgeConv, GATConv, GATv2Conv, GCNConv, GINConv, PNAConv, SAGEConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.nn.models.basic_gnn import BasicGNN

from gnnclr.node.adjacency import as_adjacency
from gnnclr.node.checkpointed import Checkpointed
from gnnclr.node.csr_rows import entries_of, select_rows
from gnnclr.node.data import check_features
from gnnclr.node.encoder_input import encoder_input
from gnnclr.node.gat import GATEncoder
from gnnclr.node.gcn import GCNEncoder, GCNLayer
from gnnclr.node.pyg_encoder import PyGEncoder
from gnnclr.node.sparse import spmm
from gnnclr.ops.check import check_count, check_edges, describe

#: Convolutions whose output at a node is a function of the features and edges that enter it.
LOCAL = (EdgeConv, GATConv, GATv2Conv, GCNConv, GINConv, PNAConv, SAGEConv)


@torch.no_grad()
def layer_wise_embed(encoder: nn.Module, data: Data, batch_size: int = 16384) -> Tensor:
    r"""The embeddings of all nodes in evaluation mode, equal to ``encoder(data.x, data.edge_index)``: each layer is
    computed for all nodes before the next, block by block of nodes, as in :meth:`BasicGNN.inference
    <torch_geometric.nn.models.GCN.inference>`.

    In memory are the input and the output of one layer and what a block needs: the rows of the product of a
    :class:`~gnnclr.node.GCNEncoder`, or the messages that PyG's layers gather, which for all edges at once are
    :math:`e \cdot d` numbers. Nothing is sampled.

    Args:
        encoder (torch.nn.Module): A :class:`~gnnclr.node.GCNEncoder`, :class:`~gnnclr.node.GATEncoder` or
            :class:`~gnnclr.node.PyGEncoder`, or the PyG model ``GCN``, ``GAT``, ``GraphSAGE``, ``GIN``, ``PNA`` or
            ``EdgeCNN``, also in a :class:`~gnnclr.node.Checkpointed`. It stays in the mode it is in.
        data (Data): The graph, with ``x`` and ``edge_index`` on the device of the encoder.
        batch_size (int, optional): Nodes of a block. (default: ``16384``)

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`

    Raises:
        ValueError: For another encoder, or one with a layer that looks at all nodes at once.
    """
    check_features(data)
    check_count("batch_size", batch_size)
    model = _unwrapped(encoder)
    run = next((run for kind, run in RUNS.items() if isinstance(model, kind)), None)
    if run is None:
        kinds = "a GCNEncoder, a GATEncoder, a PyGEncoder or a model of PyG"
        raise ValueError(f"'encoder' must be {kinds} (got {describe(encoder)})")
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        return run(model, data.x, data.edge_index, batch_size)
    finally:
        for part, training in modes:
            part.training = training


def has_layers(encoder: nn.Module) -> bool:
    """Whether :func:`layer_wise_embed` takes an encoder."""
    model = _unwrapped(encoder)
    if not isinstance(model, BasicGNN):
        return isinstance(model, tuple(RUNS))
    return all(_is_local(conv.encoder if isinstance(conv, Checkpointed) else conv) for conv in model.convs)


def _unwrapped(encoder: nn.Module) -> nn.Module:
    while isinstance(encoder, Checkpointed):
        encoder = encoder.encoder
    return encoder.model if isinstance(encoder, PyGEncoder) else encoder


def _gcn(encoder: GCNEncoder, x: Tensor, edge_index: Tensor, batch_size: int) -> Tensor:
    x = encoder_input(x, encoder.in_channels, encoder.layers[0].weight)
    adjacency = as_adjacency(edge_index, x.size(0))
    for i, layer in enumerate(encoder.layers):
        # Narrow features are cheaper to send, but in later layers they would be a third matrix of all nodes.
        before = x.layout == torch.sparse_csr or (i == 0 and layer.in_channels >= layer.out_channels)
        x = _convolve(layer, x, adjacency, batch_size, before)
        if i < len(encoder.activations):
            x = _activate(encoder.activations[i], encoder.norms[i](x), batch_size)
    return x


def _convolve(layer: GCNLayer, x: Tensor, adjacency: Tensor, batch_size: int, before: bool) -> Tensor:
    """A layer, block by block; ``before`` says that features are mapped before they are sent."""
    if before:
        x = spmm(x, layer.weight) if x.layout == torch.sparse_csr else x @ layer.weight
    out = x.new_empty(x.size(0), layer.out_channels)
    for rows in torch.arange(x.size(0), device=x.device).split(batch_size):
        h = spmm(select_rows(adjacency, rows), x)
        torch.add(h if before else h @ layer.weight, layer.bias, out=out[rows[0] : rows[-1] + 1])
    return out


def _activate(activation: nn.Module, x: Tensor, batch_size: int) -> Tensor:
    """The activation in place, block by block."""
    for block in x.split(batch_size):
        block.copy_(activation(block))
    return x


def _pyg(model: BasicGNN, x: Tensor, edge_index: Tensor, batch_size: int) -> Tensor:
    x = encoder_input(x.to_dense(), model.in_channels, next(model.parameters()))
    edge_index = check_edges(edge_index, x.size(0))
    edges: dict[bool, _InEdges] = {}
    outputs = []
    for i, (conv, norm) in enumerate(zip(model.convs, model.norms)):
        conv = conv.encoder if isinstance(conv, Checkpointed) else conv
        if not _is_local(conv):
            names = ", ".join(kind.__name__ for kind in LOCAL)
            raise ValueError(f"'encoder' must have layers {names}, without norms over all nodes (got {describe(conv)})")
        weighs = isinstance(conv, GCNConv) and conv.normalize
        if weighs not in edges:
            edges[weighs] = _InEdges(edge_index, x.size(0), conv if weighs else None)
        x = edges[weighs].convolve(conv, x, batch_size)
        if i < model.num_layers - 1 or model.jk_mode is not None:
            if model.act is not None and model.act_first:
                x = _activate(model.act, x, batch_size)
            x = norm(x)
            if model.act is not None and not model.act_first:
                x = _activate(model.act, x, batch_size)
            if hasattr(model, "jk"):
                outputs.append(x)
    if hasattr(model, "jk"):
        x = torch.cat([model.jk(list(rows)) for rows in zip(*(x.split(batch_size) for x in outputs))])
    return model.lin(x) if hasattr(model, "lin") else x


def _gat(encoder: GATEncoder, x: Tensor, edge_index: Tensor, batch_size: int) -> Tensor:
    x = encoder_input(x.to_dense(), encoder.in_channels, next(encoder.parameters()))
    edges = _InEdges(check_edges(edge_index, x.size(0)), x.size(0), None)
    for i, conv in enumerate(encoder.convs):
        x = edges.convolve(conv.encoder if isinstance(conv, Checkpointed) else conv, x, batch_size)
        if i < len(encoder.activations):
            x = _activate(encoder.activations[i], x, batch_size)
    return x


#: How each kind of encoder is run, block by block.
RUNS = {GCNEncoder: _gcn, GATEncoder: _gat, BasicGNN: _pyg}


def _is_local(conv: nn.Module) -> bool:
    """Whether the output at a node is a function of what enters it: norms of PyG may be over all nodes."""
    if not isinstance(conv, LOCAL) or conv.flow != "source_to_target":
        return False
    by_column = (torch_geometric.nn.BatchNorm, nn.BatchNorm1d)
    norms = [part for part in conv.modules() if type(part).__name__ in torch_geometric.nn.norm.__all__]
    return all(isinstance(part, by_column) for part in norms)


class _InEdges:
    """The edges of a graph by the node they enter, with the weights of a GCN where it is given."""

    def __init__(self, edge_index: Tensor, num_nodes: int, gcn: GCNConv | None):
        self.weight = None
        if gcn is not None:
            # Degrees of the whole graph, which a block does not know.
            edge_index, self.weight = gcn_norm(edge_index, None, num_nodes, gcn.improved, gcn.add_self_loops, gcn.flow)
        order = torch.argsort(edge_index[1], stable=True)
        self.source, self.pointer = edge_index[0, order], index2ptr(edge_index[1, order], num_nodes)
        self.weight = None if self.weight is None else self.weight[order]
        self.place = torch.full((num_nodes,), -1, device=order.device)

    def convolve(self, conv: nn.Module, x: Tensor, batch_size: int) -> Tensor:
        """A layer, block by block."""
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
