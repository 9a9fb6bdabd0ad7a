"""Features as an encoder takes them."""

import torch
from torch import Tensor

from gnnclr.ops.check import check_index, describe


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
