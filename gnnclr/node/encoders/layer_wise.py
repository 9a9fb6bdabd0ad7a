"""Embeddings of all nodes of a large graph, layer by layer."""

import copy
from functools import partial

import torch
import torch.distributed as dist
import torch_geometric.nn.norm
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import EdgeConv, GATConv, GATv2Conv, GCNConv, GINConv, PNAConv, SAGEConv
from torch_geometric.nn.models.basic_gnn import BasicGNN

from gnnclr.graph.weighted_edges import Edges, WeightedEdges, edges_of, index_of
from gnnclr.node.datasets.data import check_features
from gnnclr.node.encoders.checkpointed import Checkpointed
from gnnclr.node.encoders.encode import encode, weight_argument
from gnnclr.node.encoders.encoder_input import encoder_input
from gnnclr.node.encoders.pyg_encoder import PyGEncoder
from gnnclr.node.sparse.node_blocks import InEdges, activate, blocks_over_processes
from gnnclr.ops.check import check_count, describe
from gnnclr.ops.eval_mode import eval_mode

#: Convolutions whose output at a node is a function of the features and edges that enter it.
LOCAL = (EdgeConv, GATConv, GATv2Conv, GCNConv, GINConv, PNAConv, SAGEConv)


@torch.no_grad()
def layer_wise_embed(encoder: nn.Module, data: Data, batch_size: int = 16384, over_processes: bool = False) -> Tensor:
    r"""The embeddings of all nodes in evaluation mode, equal to ``encoder(data.x, data.edge_index)``,
    with the weights of edges where there are some and the encoder takes them: each layer is
    computed for all nodes before the next, block by block of nodes, as in :meth:`BasicGNN.inference
    <torch_geometric.nn.models.GCN.inference>`.

    In memory are the input and the output of one layer and the needs of a block: the rows of the product of a
    :class:`~gnnclr.node.GCNEncoder`, or the messages that PyG's layers gather, which for all edges at once are
    :math:`e \cdot d` numbers. Nothing is sampled.

    Args:
        encoder (torch.nn.Module): A :class:`~gnnclr.node.GCNEncoder`, :class:`~gnnclr.node.GATEncoder` or
            :class:`~gnnclr.node.PyGEncoder`, or the PyG model ``GCN``, ``GAT``, ``GraphSAGE``, ``GIN``, ``PNA`` or
            ``EdgeCNN``, or another encoder that has a method ``layer_wise(x, edge_index, batch_size)``, and another
            argument ``edge_weight`` where it takes weights; also in a :class:`~gnnclr.node.Checkpointed`. It stays in
            the mode it is in.
        data (Data): The graph, with ``x`` and ``edge_index`` on the device of the encoder.
        batch_size (int, optional): Nodes of a block. (default: ``16384``)
        over_processes (bool, optional): Whether the processes of :mod:`torch.distributed`, which all call with the same
            graph and encoder, compute a range of the nodes each. After each layer they exchange its rows, so that all
            of them have all embeddings, equal up to rounding to those of one process. An encoder with a ``layer_wise``
            of its own computes all nodes in each, unless it takes its blocks from the same functions.
            (default: ``False``)

    Shapes:
        - **input:** a graph with features :math:`(n, F)` and edges :math:`(2, e)`
        - **output:** embeddings :math:`(n, d)`

    Raises:
        ValueError: For another encoder, or one with a layer that looks at all nodes at once; where processes share the
            nodes also for graphs or widths that differ between them, or fewer nodes than processes.
    """
    check_features(data)
    check_count("batch_size", batch_size)
    if over_processes:
        _check_alike(encoder, data)
        with blocks_over_processes():
            return layer_wise_embed(encoder, data, batch_size)
    model = _unwrapped(encoder)
    run = partial(_pyg, model) if isinstance(model, BasicGNN) else getattr(model, "layer_wise", None)
    if run is None:
        kinds = "a GCNEncoder, a GATEncoder, a PyGEncoder, a model of PyG, or another with a method 'layer_wise'"
        raise ValueError(f"'encoder' must be {kinds} (got {describe(encoder)})")
    edges = edges_of(data)
    weight = {}
    if isinstance(edges, WeightedEdges) and weight_argument(model) is not None:
        weight["edge_weight"] = edges.edge_weight
    with eval_mode(model):
        if isinstance(model, BasicGNN):
            return run(data.x, edges, batch_size)
        return run(data.x, index_of(edges), batch_size, **weight)


def _check_alike(encoder: nn.Module, data: Data) -> None:
    """Raises the same error on all processes if they were given graphs or encoders of different sizes."""
    if not (dist.is_available() and dist.is_initialized()):
        raise ValueError("'over_processes' must be False without a process group of torch.distributed (got True)")
    own = [int(data.num_nodes or 0), data.num_edges, sum(p.numel() for p in encoder.parameters())]
    found: list[list[int]] = [own] * dist.get_world_size()
    dist.all_gather_object(found, own)
    if any(other != found[0] for other in found):
        wanted = "a graph and an encoder of the same size on all processes"
        raise ValueError(f"'data' must be {wanted} (got nodes, edges and parameters {found})")
    if own[0] < len(found):
        raise ValueError(f"'data' must have a node for each of {len(found)} processes (got {own[0]} nodes)")


def has_layers(encoder: nn.Module) -> bool:
    """Whether :func:`layer_wise_embed` takes an encoder."""
    model = _unwrapped(encoder)
    if not isinstance(model, BasicGNN):
        return callable(getattr(model, "layer_wise", None))
    return all(_is_local(conv.encoder if isinstance(conv, Checkpointed) else conv) for conv in model.convs)


def _unwrapped(encoder: nn.Module) -> nn.Module:
    while isinstance(encoder, Checkpointed):
        encoder = encoder.encoder
    return encoder.model if isinstance(encoder, PyGEncoder) else encoder


def _pyg(model: BasicGNN, x: Tensor, edge_index: Edges, batch_size: int) -> Tensor:
    x = encoder_input(x.to_dense(), model.in_channels, next(model.parameters()))
    edges: dict[bool, InEdges] = {}
    outputs = []
    for i, (conv, norm) in enumerate(zip(model.convs, model.norms)):
        conv = conv.encoder if isinstance(conv, Checkpointed) else conv
        if not _is_local(conv):
            names = ", ".join(kind.__name__ for kind in LOCAL)
            raise ValueError(f"'encoder' must have layers {names}, without norms over all nodes (got {describe(conv)})")
        weighs = isinstance(conv, GCNConv) and conv.normalize
        if weighs not in edges:
            edges[weighs] = InEdges(edge_index, x.size(0), conv if weighs else None)
        if weighs:
            conv = copy.copy(conv)  # of which parameters are shared
            conv.normalize = False
        x = edges[weighs].convolve(partial(encode, conv), x, batch_size)
        if i < model.num_layers - 1 or model.jk_mode is not None:
            if model.act is not None and model.act_first:
                x = activate(model.act, x, batch_size)
            x = norm(x)
            if model.act is not None and not model.act_first:
                x = activate(model.act, x, batch_size)
            if hasattr(model, "jk"):
                outputs.append(x)
    if hasattr(model, "jk"):
        x = torch.cat([model.jk(list(rows)) for rows in zip(*(x.split(batch_size) for x in outputs))])
    return model.lin(x) if hasattr(model, "lin") else x


def _is_local(conv: nn.Module) -> bool:
    """Whether the output at a node is a function of the edges that enter it: norms of PyG may be over all nodes."""
    if not isinstance(conv, LOCAL) or conv.flow != "source_to_target":
        return False
    by_column = (torch_geometric.nn.BatchNorm, nn.BatchNorm1d)
    norms = [part for part in conv.modules() if type(part).__name__ in torch_geometric.nn.norm.__all__]
    return all(isinstance(part, by_column) for part in norms)
