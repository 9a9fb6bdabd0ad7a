"""Nodes by their numbers."""

import torch
from torch import Tensor

from gnnclr.ops.check import check_nodes


def node_mask(name: str, index: Tensor, num_nodes: int) -> Tensor:
    """The mask [n] of the nodes ``index`` [m]; arguments are those of :func:`~gnnclr.ops.check.check_nodes`."""
    mask = torch.zeros(num_nodes, dtype=torch.bool)
    mask[check_nodes(name, index, num_nodes)] = True
    return mask
