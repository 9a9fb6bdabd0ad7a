"""Labels of communities: their checks, and the label of each node of a batch."""

from typing import Any

import torch
from torch import Tensor

from gnnclr.graph.contrast_graph import ContrastGraph
from gnnclr.ops.check import check_index, describe


def check_community(name: str, value: Any, size: int | str = "n") -> Tensor:
    """Returns ``value`` as int64 if it holds a community of each node, and raises a :class:`ValueError` otherwise.

    Args:
        name (str): Name of the argument, for the message.
        value: The value to check.
        size (int or str, optional): The number of nodes; a string stands for any. (default: ``"n"``)
    """
    value = check_index(name, value, size)
    if value.numel() and int(value.min()) < 0:
        raise ValueError(f"'{name}' must not be negative (got {int(value.min())})")
    return value.detach()


def contiguous(community: Tensor) -> Tensor:
    """The same partition with labels 0 to K − 1, in the order of the old labels."""
    return torch.unique(community, return_inverse=True)[1]


def joint(*labels: Tensor) -> Tensor:
    """The partition into nodes that agree in all ``labels`` [n] each, with labels 0 to K − 1."""
    cell = contiguous(labels[0])
    for label in labels[1:]:
        label = contiguous(label)
        cell = contiguous(cell * (int(label.max()) + 1 if label.numel() else 1) + label)
    return cell


def of_nodes(name: str, x: Tensor, graph: ContrastGraph) -> Tensor:
    """Values of samples as values of the nodes of a batch.

    Args:
        name (str): Name of ``x``, for the message.
        x (Tensor): A row for each sample [N, ...], numbered as ``graph.sample_id``, or where that is missing as
            ``graph.sample``, of which every sample must then be in the batch.
        graph (ContrastGraph): The batch.
    """
    known = "sample_id" in graph
    sample = graph.sample_id if known else graph.sample
    if sample.numel() == 0:
        return x[:0].to(sample.device)
    low, size = int(sample.min()), int(sample.max()) + 1
    if known and not (low >= 0 and size <= x.size(0)):
        raise ValueError(f"'data.sample_id' must index the {x.size(0)} rows of '{name}' (got {low} to {size - 1})")
    if not known and x.size(0) != size:
        raise ValueError(
            f"'{name}' must have a row for each of the {size} samples of the batch, or 'data.sample_id' say which "
            f"rows they are (got {describe(x)})"
        )
    return x.to(sample.device)[sample]
