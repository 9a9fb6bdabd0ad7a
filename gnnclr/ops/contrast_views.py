"""NT-Xent, InfoNCE and CLIP of plain views: loss and exact gradient in one autograd function, in linear memory."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from gnnclr.ops.check import check_finite, check_positive, looks_at
from gnnclr.ops.contrast.pairs import PAIRS
from gnnclr.ops.no_double_backward import no_double_backward
from gnnclr.ops.unit_rows import bring_to_unit


def contrast_views(
    views: Sequence[Tensor], temperature: float | Tensor, pairing: str = "views", sizes: Sequence[int] | None = None
) -> Tensor | None:
    r"""The mean over anchors and their positives of

    .. math:: \operatorname{softplus}(\ell_i - s_{ip}), \qquad \ell_i = \log \sum_{j \in \mathcal{N}(i)} e^{s_{ij}}

    with :math:`s` the cosine over the temperature: NT-Xent where all ``"views"`` are anchors and views of other samples
    repel, InfoNCE where rows of the first view are anchors and the ``"keys"`` of others, in the second, repel, CLIP
    where rows of two ``"towers"`` are anchors and those of others in the other tower repel. The positive is never in
    the log-sum-exp, so loss and gradient keep their digits.

    It needs no graph: where pairs lie is arithmetic. On the CPU data are looked at twice, to refuse what is not finite
    and to read a temperature that is learned; elsewhere they are not looked at.

    With the ``sizes`` of several processes they contrast the samples of all. Each has the mean over its own anchors,
    scaled so that the mean over processes is that over all anchors, and the gradient of this mean, times the number of
    processes, by its own rows alone: the average that :class:`~torch.nn.parallel.DistributedDataParallel` takes is the
    gradient of one process. Processes exchange rows once, and then a number a row, or of keys their gradients; all of
    them must call, and multiply the loss by the same factors.

    Args:
        views (list): Views, two or more; of keys and towers two.
        temperature (float or Tensor): The temperature :math:`\tau > 0`.
        pairing (str, optional): ``"views"``, ``"keys"`` or ``"towers"``. (default: ``"views"``)
        sizes (list, optional): Samples of each process, from
            :func:`gnnclr.ops.processes.agreement.agree`. (default: ``None``,
            those of this process alone)

    Shapes:
        - **input:** matrices :math:`(n, d)`
        - **output:** scalar, float32 or float64; ``None`` where the views are not matrices that are alike, or empty, or
          where many rows at a low temperature are faster by fused kernels
    """
    if not _alike(views):
        return None
    learned, tau = temperature if isinstance(temperature, Tensor) else None, _known(temperature)
    n = views[0].size(0) if sizes is None else sum(sizes)
    if not n or not PAIRS[pairing].suits(views[0], len(views), n, tau, sizes is not None):
        return None
    if torch.is_grad_enabled():
        for x in views if learned is None else (learned, *views):
            if x.requires_grad:
                return _ContrastViews.apply((tau, pairing, sizes), learned, *views)
    return _contrast_opaque(views, learned, False, tau, pairing, sizes)[0]


def in_words(views: Sequence[Tensor], temperature: float | Tensor) -> str | None:
    """What processes must have in common that contrast their views together, in words; ``None`` where views are not
    alike. With the arguments of :func:`contrast_views`."""
    tau = _known(temperature)
    if not _alike(views):
        return None
    if not isinstance(temperature, Tensor):
        return f"of views alone at temperature {tau}"
    gradient = " with a gradient" if temperature.requires_grad and torch.is_grad_enabled() else ""
    return f"of views alone at a learned temperature{gradient}"


def _known(temperature: float | Tensor) -> float | None:
    """A temperature that is a number or may be looked at, which is positive; otherwise ``None``."""
    if isinstance(temperature, Tensor):
        if not looks_at(temperature):
            return None
        temperature = float(temperature.detach())
    return check_positive("temperature", temperature)


def _alike(views: Sequence[Tensor]) -> bool:
    """Whether views are plain floating point matrices of one shape and type."""
    first, *others = views
    for x in views:
        if type(x) not in (Tensor, nn.Parameter) or x.is_nested or x.layout is not torch.strided:
            return False
    shape, dtype, device = first.shape, first.dtype, first.device
    for x in others:
        if x.shape != shape or x.dtype != dtype or x.device != device:
            return False
    plain = len(shape) == 2 and dtype.is_floating_point and dtype.itemsize > 1 and device.type != "meta"
    return plain and shape[1] > 0


class _ContrastViews(Function):
    @staticmethod
    def forward(ctx: Any, how: tuple[Any, ...], temperature: Tensor | None, *views: Tensor) -> Tensor:
        loss, *saved = _contrast_opaque(views, temperature, True, *how)
        ctx.save_for_backward(*saved)
        ctx.num_views, ctx.dtype = len(views), views[0].dtype
        ctx.temperature = None if temperature is None else (temperature.shape, temperature.dtype)
        return loss

    @staticmethod
    @no_double_backward
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        gradient, by_temperature = ctx.saved_tensors
        by_views = (gradient * grad).to(ctx.dtype).chunk(ctx.num_views)
        if ctx.temperature is not None:
            shape, dtype = ctx.temperature
            by_temperature = (by_temperature * grad).to(dtype).view(shape)
        return None, None if ctx.temperature is None else by_temperature, *by_views


def _contrast(
    views: Sequence[Tensor],
    temperature: Tensor | None,
    wanted: bool,
    tau: float | None,
    pairing: str,
    sizes: Sequence[int] | None,
) -> list[Tensor]:
    """The loss; and if they are wanted its gradients by all own rows [V n, d] and by the temperature."""
    device = views[0].device.type
    if torch.is_autocast_enabled(device):
        with torch.autocast(device, enabled=False):
            return _contrast(views, temperature, wanted, tau, pairing, sizes)
    kind, x = PAIRS[pairing], torch.cat(views)
    joined = None if sizes is None else kind.join(x, len(views), sizes)
    unit = bring_to_unit(x, in_place=True)
    if not unit.safe and looks_at(x):
        for i, view in enumerate(views):
            check_finite(f"views[{i}]", view)
    rows, n = unit.rows, views[0].size(0)
    scale = 1 / tau if tau is not None else temperature.detach().to(rows.dtype).reshape(()).reciprocal()
    if joined is None and kind.one_tile.suits(rows, n, scale):
        pairs = kind.one_tile(rows, n, scale, wanted)
    else:
        pairs = kind(rows.view(len(views), n, -1), scale, wanted, joined)
    if not wanted:
        return [pairs.loss]
    gradient = pairs.gradient()
    along = torch.linalg.vecdot(gradient, rows).unsqueeze(1)
    # All scores grow with the inverse temperature, and every pair counts on both of its sides.
    by_temperature = pairs.loss.new_empty(0) if temperature is None else along.sum() * (-scale / 2)
    return [pairs.loss, unit.back(gradient, along, in_place=True), by_temperature]


#: :func:`_contrast` as one operation of a compiler, which would unroll the walk over tiles.
_contrast_compiled = torch.library.custom_op("gnnclr::contrast_views", _contrast, mutates_args=())


@_contrast_compiled.register_fake
def _(views: Sequence[Tensor], temperature: Tensor | None, wanted: bool, *how: Any) -> list[Tensor]:
    first, dtype = views[0], torch.promote_types(views[0].dtype, torch.float32)
    out = [first.new_empty((), dtype=dtype)]
    if wanted:
        out.append(first.new_empty((len(views) * first.size(0), first.size(1)), dtype=dtype))
        out.append(first.new_empty(() if temperature is not None else 0, dtype=dtype))
    return out


def _contrast_opaque(*args: Any) -> list[Tensor]:
    return (_contrast_compiled if torch.compiler.is_compiling() else _contrast)(*args)
