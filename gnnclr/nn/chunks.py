"""Batches that an encoder cannot hold at once."""

import warnings
from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gnnclr.nn.repeatable import recomputed
from gnnclr.ops.check import check_count, describe
from gnnclr.ops.notice import is_rank_zero
from gnnclr.ops.trees import row_count, split_rows

_WARNED: WeakSet[nn.Module] = WeakSet()


def in_chunks(module: nn.Module, x: Any, chunk_size: int | None = None) -> Tensor:
    r"""The output of a module whose rows do not depend on each other, chunk by chunk. Activations of one chunk at a
    time are in memory: each is run again in the backward pass, of which there is one, as in `"Training Deep Nets with
    Sublinear Memory Cost" <https://arxiv.org/abs/1604.06174>`_.

    Gradients are those of one pass over the same chunks. Batch normalization sees each chunk as a batch of its own
    (a ghost batch), which a warning says once; its running statistics are updated once for each chunk.

    Args:
        module (torch.nn.Module): Maps :math:`n` rows to :math:`n` rows.
        x (Tensor, tuple or dict): Its input, a tensor or tuples and dictionaries of tensors with :math:`n` rows each.
        chunk_size (int, optional): Rows of a chunk; the last may have fewer. (default: ``None``, all rows at once, and
            none run again)

    Returns:
        Tensor: The rows :math:`(n, *)`.

    Raises:
        ValueError: If ``chunk_size`` is not positive, inputs have different numbers of rows, or the module gives
            another number of rows.
    """
    if check_chunk_size(chunk_size) is None:
        return module(x)
    rows = row_count("x", x)
    if rows <= chunk_size:
        return module(x)
    warn_of_ghost_batches(module, chunk_size)
    return torch.cat([check_rows("module", recomputed(module, c), c) for c in split_rows(x, chunk_size, rows)])


def check_chunk_size(chunk_size: Any) -> int | None:
    """Returns ``chunk_size`` if it is a positive integer or ``None``, and raises a :class:`ValueError` otherwise."""
    return None if chunk_size is None else check_count("chunk_size", chunk_size)


def check_rows(name: str, output: Any, chunk: Any) -> Tensor:
    """Returns ``output`` if it has a row for each row of ``chunk``, and raises a :class:`ValueError` otherwise.

    Args:
        name (str): The argument that gave it, for the message.
        output: What was given.
        chunk (Tensor, tuple or dict): The rows that it was given for.
    """
    rows = row_count("x", chunk)
    if not isinstance(output, Tensor) or output.dim() == 0 or len(output) != rows:
        raise ValueError(f"'{name}' must give a row for each of the {rows} of its input (got {describe(output)})")
    return output


def warn_of_ghost_batches(module: nn.Module, chunk_size: int) -> None:
    """Warns, once for each module, that batch normalization sees chunks.

    Args:
        module (torch.nn.Module): The module.
        chunk_size (int): Rows of a chunk.
    """
    if module in _WARNED or not torch.is_grad_enabled():
        return
    if any(isinstance(part, _BatchNorm) and (part.training or part.running_mean is None) for part in module.modules()):
        _WARNED.add(module)
        if is_rank_zero():
            text = f"batch normalization sees chunks of {chunk_size} rows (ghost batches), not the whole batch"
            warnings.warn(text, stacklevel=3)
