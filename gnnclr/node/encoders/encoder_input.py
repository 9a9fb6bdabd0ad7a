"""Checks of the input of encoders: features, edges and widths of layers."""

import torch
from torch import Tensor

from gnnclr.ops.check import check_count, check_index, describe


def encoder_input(x: Tensor, in_channels: int, weight: Tensor) -> Tensor:
    """The features in the type of an encoder's weights; sparse ones stay as they are, as products convert them.

    Args:
        x (Tensor): Features [n, in_channels].
        in_channels (int): The width that the encoder was made for; ``-1`` where PyG finds it out.
        weight (Tensor): A parameter of the encoder.

    Raises:
        ValueError: If features have another width.
    """
    if not isinstance(x, Tensor) or x.dim() != 2 or in_channels not in (-1, x.size(1)):
        raise ValueError(f"'x' must have shape [n, {in_channels}], the encoder's 'in_channels' (got {describe(x)})")
    return x.to(weight.dtype) if x.layout == torch.strided else x


def encoder_edges(edge_index: Tensor) -> Tensor:
    """Edges [2, e] as int64, and adjacency matrices as they are."""
    dense = isinstance(edge_index, Tensor) and edge_index.layout == torch.strided
    return check_index("edge_index", edge_index, 2, "e") if dense else edge_index


def layer_sizes(in_channels: int, hidden_channels: int, out_channels: int, num_layers: int) -> list[int]:
    """Sizes of features before, between and after ``num_layers`` layers, one more than those.

    Args:
        in_channels (int): Size of the input features.
        hidden_channels (int): Size of the features between layers.
        out_channels (int): Size of the embeddings.
        num_layers (int): Number of layers.

    Raises:
        ValueError: If one of them is no positive integer.
    """
    check_count("in_channels", in_channels)
    check_count("hidden_channels", hidden_channels)
    check_count("out_channels", out_channels)
    check_count("num_layers", num_layers)
    return [in_channels, *[hidden_channels] * (num_layers - 1), out_channels]
