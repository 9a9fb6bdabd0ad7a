"""The gradient of a loss of more samples than the encoder can hold."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from gnnclr.nn.chunks import check_rows, warn_of_ghost_batches
from gnnclr.nn.repeatable import Repeatable
from gnnclr.ops.check import check_count, describe
from gnnclr.ops.trees import leaves, row_count, split_rows


def cached_backward(
    encoder: nn.Module | Sequence[nn.Module],
    inputs: Any,
    loss: Callable[..., Tensor],
    chunk_size: int,
    scale: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    r"""Adds the gradient of a loss of all samples to the parameters, while the encoder holds the activations of one
    chunk, as in `"Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup"
    <https://arxiv.org/abs/2101.06983>`_ (GradCache). It takes the place of ``loss.backward()``.

    .. math:: \frac{\partial \mathcal{L}}{\partial \theta} = \sum_c \Big(\frac{\partial \mathbf{Z}_c}{\partial \theta}
        \Big)^{\top} \frac{\partial \mathcal{L}}{\partial \mathbf{Z}_c}

    Embeddings :math:`\mathbf{Z}` of all chunks :math:`c` are made without gradients; the loss and its gradient on them
    follow; then each chunk is encoded again, and its part of the gradient goes back through the encoder. The second
    pass draws the same random numbers, on CPUs and other devices, and casts as the first under autocast. The gradient
    is that of one pass over the same chunks, bit for bit where there was none before; without batch normalization it is
    that of one pass over all, but for rounding.

    Batch normalization sees each chunk as a batch of its own (a ghost batch), which a warning says once; its running
    statistics are updated once for each chunk. With :class:`~torch.nn.parallel.DistributedDataParallel` processes
    exchange gradients once, with the last chunk.

    Args:
        encoder (torch.nn.Module or sequence): Maps the rows of an input to rows of embeddings; or one encoder for each
            input. It may hold a projector, and be wrapped for several processes.
        inputs (Tensor, dict or sequence): Rows of one input, or a sequence of inputs with the same number of rows,
            such as two views, each of which is encoded on its own. An input is a tensor; a tuple, whose tensors are the
            encoder's arguments; or a dictionary of its named arguments.
        loss (callable): Called once as ``loss(*embeddings)``, with those of each input :math:`(n, *)`. Its own
            parameters get their gradients too.
        chunk_size (int): Rows that the encoder takes at once; the last chunk of an input may have fewer.
        scale (callable, optional): Applied to the loss before the backward pass, such as ``scaler.scale`` of a
            :class:`torch.amp.GradScaler`, or ``lambda loss: loss / steps`` where gradients are accumulated.
            (default: ``None``)

    Returns:
        Tensor: The loss, detached and not scaled.

    Raises:
        ValueError: If ``chunk_size`` is not a positive integer, inputs differ in their number of rows, there is not one
            encoder for all inputs or for each, an encoder gives another number of rows, or the loss is no scalar.

    Example:
        >>> encoder, loss_fn = nn.Sequential(SlimResNet(), MLPHead(128, 128, 64)), NTXentLoss(temperature=0.2)
        >>> loss = cached_backward(encoder, (view0, view1), loss_fn, chunk_size=256)
        >>> optimizer.step()
    """
    check_count("chunk_size", chunk_size)
    views = list(inputs) if isinstance(inputs, (tuple, list)) else [inputs]
    parts = [_Part.of(*part) for part in zip(_encoders(encoder, len(views)), _split(views, chunk_size), strict=True)]
    with torch.no_grad():
        z = [part.embeddings() for part in parts]
    value = loss(*z)
    if not isinstance(value, Tensor) or value.numel() != 1:
        raise ValueError(f"'loss' must give a scalar (got {describe(value)})")
    _backward(value if scale is None else scale(value))
    _second_pass([(part, x.grad) for part, x in zip(parts, z) if x.grad is not None and part.learns()])
    return value.detach()


class _Part(NamedTuple):
    """An input in chunks, and the runs that encode them."""

    encoder: nn.Module
    chunks: list[Any]
    runs: list[Repeatable]

    @classmethod
    def of(cls, encoder: nn.Module, chunks: list[Any]) -> "_Part":
        if len(chunks) > 1:
            warn_of_ghost_batches(encoder, row_count("inputs", chunks[0]))
        return cls(encoder, chunks, [Repeatable(encoder) for _ in chunks])

    def learns(self) -> bool:
        return any(x.requires_grad for x in [*self.encoder.parameters(), *leaves(self.chunks)])

    def embeddings(self) -> Tensor:
        return torch.cat([_call(run, chunk) for run, chunk in zip(self.runs, self.chunks)]).requires_grad_()


def _second_pass(found: list[tuple[_Part, Tensor]]) -> None:
    """Takes gradients of embeddings back through the encoders."""
    chunks = []
    for part, grad in found:
        sizes = [row_count("inputs", chunk) for chunk in part.chunks]
        chunks += zip([part.encoder] * len(sizes), part.runs, part.chunks, grad.split(sizes))
    last = {encoder: k for k, (encoder, *_) in reversed([*enumerate(chunks)])}
    # From the last chunk to the first, which is the order in which one backward pass adds them up.
    for k, (encoder, run, chunk, grad) in reversed([*enumerate(chunks)]):
        with ExitStack() as stack:
            if last[encoder] != k:
                stack.enter_context(_unsynchronized(encoder))
            _backward(_call(run, chunk), grad)


def _backward(x: Tensor, grad: Tensor | None = None) -> None:
    # Autocast is for the forward pass alone, where this is called within it.
    with torch.autocast(x.device.type, enabled=False):
        x.backward(grad)


@contextmanager
def _unsynchronized(encoder: nn.Module) -> Iterator[None]:
    """Leaves gradients on their own process."""
    with ExitStack() as stack:
        for part in encoder.modules():
            if isinstance(part, DistributedDataParallel):
                stack.enter_context(part.no_sync())
        yield


def _call(run: Repeatable, chunk: Any) -> Tensor:
    if isinstance(chunk, Mapping):
        return check_rows("encoder", run(**chunk), chunk)
    return check_rows("encoder", run(*chunk) if isinstance(chunk, (tuple, list)) else run(chunk), chunk)


def _encoders(encoder: nn.Module | Sequence[nn.Module], count: int) -> list[nn.Module]:
    """An encoder for each input."""
    several = isinstance(encoder, (tuple, list, nn.ModuleList))
    encoders: list[Any] = list(encoder) if several else [encoder] * count
    if len(encoders) != count:
        raise ValueError(f"'encoder' must be one, or one for each of the {count} inputs (got {len(encoders)})")
    for part in encoders:
        if not isinstance(part, nn.Module):
            raise ValueError(f"'encoder' must be a torch.nn.Module (got {describe(part)})")
    return encoders


def _split(views: list[Any], chunk_size: int) -> list[list[Any]]:
    """The chunks of each input."""
    rows = [row_count(f"inputs[{k}]", view) for k, view in enumerate(views)]
    if len(set(rows)) != 1:
        raise ValueError(f"'inputs' must have the same number of rows each (got {', '.join(map(str, rows)) or 'none'})")
    return [split_rows(view, chunk_size, count) for view, count in zip(views, rows)]
