"""Nodes by their numbers."""

from typing import Any

import torch
from torch import Tensor

from gnnclr.ops.check import check_index


def check_nodes(name: str, index: Any, num_nodes: int) -> Tensor:
    """Returns ``index`` [m] if it holds nodes of a graph, and raises a :class:`ValueError` otherwise.

    Args:
        name (str): Name of the argument, for the message.
        index: The value to check.
        num_nodes (int): Number of nodes.
    """
    check_index(name, index, "m")
    if index.numel() and not 0 <= int(index.min()) <= int(index.max()) < num_nodes:
        low, high = int(index.min()), int(index.max())
        raise ValueError(f"'{name}' must hold nodes between 0 and {num_nodes - 1} (got {low} to {high})")
    return index


def node_mask(name: str, index: Tensor, num_nodes: int) -> Tensor:
    """The mask [n] of the nodes ``index`` [m]; arguments are those of :func:`check_nodes`."""
    mask = torch.zeros(num_nodes, dtype=torch.bool)
    mask[check_nodes(name, index, num_nodes).long()] = True
    return mask
