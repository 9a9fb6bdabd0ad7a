"""Calls an encoder with the weights of edges, if it takes them."""

import inspect
from typing import Any

from torch import Tensor, nn
from torch_geometric.nn import MessagePassing, Sequential
from torch_geometric.nn.models.basic_gnn import BasicGNN

from gnnclr.graph.weighted_edges import Edges, WeightedEdges
from gnnclr.nn.momentum_encoder import MomentumEncoder
from gnnclr.node.encoders.checkpointed import Checkpointed
from gnnclr.ops.check import describe


def encode(encoder: nn.Module, x: Any, edges: Edges) -> Tensor:
    """The output of an encoder or of a convolution of PyG: ``encoder(x, edge_index)``, with the weights of edges where
    it takes them, see :func:`weight_argument`.

    Args:
        encoder (torch.nn.Module): The encoder.
        x (Tensor): Features [n, F].
        edges (Tensor or WeightedEdges): Edges [2, e].
    """
    if not isinstance(edges, WeightedEdges):
        return encoder(x, edges)
    name, weight = weight_argument(encoder), edges.edge_weight
    if name is None:
        return encoder(x, edges.edge_index)
    if isinstance(_unwrapped(encoder), (BasicGNN, MessagePassing, Sequential)):
        weight = weight.to(x.dtype)  # in which they compute
    # Attributes of edges are rows of numbers in PyG, weights are numbers.
    return encoder(x, edges.edge_index, **{name: weight.unsqueeze(1) if name == "edge_attr" else weight})


def weight_argument(encoder: nn.Module) -> str | None:
    """The argument by which an encoder takes the weights of edges, ``"edge_weight"`` or ``"edge_attr"``; ``None`` where
    it takes none.

    It is the one that its ``forward`` names. Layers with attention take ``edge_attr`` if they were made with
    ``edge_dim=1``; a model of PyG takes what its convolutions do. An encoder may say so itself by an attribute
    ``takes_edge_weights``.

    Args:
        encoder (torch.nn.Module): An encoder, also in a :class:`~gnnclr.node.Checkpointed` or a
            :class:`~gnnclr.nn.MomentumEncoder`, or a convolution of PyG.
    """
    encoder = _unwrapped(encoder)
    if isinstance(encoder, BasicGNN):
        names = ["edge_weight"] * encoder.supports_edge_weight + ["edge_attr"] * encoder.supports_edge_attr
    elif isinstance(encoder, Sequential):
        names = list(encoder.signature.param_dict)
    else:
        names = list(inspect.signature(encoder.forward).parameters)
    named = [name for name in ("edge_weight", "edge_attr") if name in names]
    dims = [part.edge_dim for part in encoder.modules() if hasattr(part, "edge_dim")]
    takes = getattr(encoder, "takes_edge_weights", all(dim == 1 for dim in dims))
    return named[0] if named and takes else None


def _unwrapped(encoder: nn.Module) -> nn.Module:
    while isinstance(encoder, (Checkpointed, MomentumEncoder)):
        encoder = encoder.encoder if isinstance(encoder, Checkpointed) else encoder.module
    return encoder


def check_takes_weights(encoder: nn.Module, edge_weight: Tensor | None) -> Tensor | None:
    """Returns ``edge_weight`` if it is ``None`` or the encoder takes weights of edges, and raises a :class:`ValueError`
    otherwise."""
    if edge_weight is not None and weight_argument(encoder) is None:
        raise ValueError(
            f"'edge_weight' must be None for this {type(encoder).__name__}, which takes no weights; layers with "
            f"attention do with 'edge_dim=1' (got {describe(edge_weight)})"
        )
    return edge_weight
