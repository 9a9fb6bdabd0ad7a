"""NT-Xent, InfoNCE, CLIP and SigLIP of plain views: loss and exact gradient in one function, in linear memory."""

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
    views: Sequence[Tensor],
    temperature: float | Tensor,
    pairing: str = "views",
    sizes: Sequence[int] | None = None,
    bias: float | Tensor | None = None,
) -> Tensor | None:
    r"""The mean over anchors and their positives of

    .. math:: \operatorname{softplus}(\ell_i - s_{ip}), \qquad \ell_i = \log \sum_{j \in \mathcal{N}(i)} e^{s_{ij}}

    with :math:`s` the cosine over the temperature: NT-Xent where all ``"views"`` are anchors and views of other samples
    repel, InfoNCE where rows of the first view are anchors and the ``"keys"`` of others, in the second, repel, CLIP
    where rows of two ``"towers"`` are anchors and those of others in the other tower repel. The positive is never in
    the log-sum-exp, so loss and gradient keep their digits.

    Of pairs that are ``"classified"`` by themselves, as in SigLIP, it is the mean over rows of the first view of

    .. math:: \operatorname{softplus}(-s_{ip} - b) + \sum_{j \neq p} \operatorname{softplus}(s_{ij} + b)

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
        pairing (str, optional): ``"views"``, ``"keys"``, ``"towers"`` or ``"classified"``. (default: ``"views"``)
        sizes (list, optional): Samples of each process, from
            :func:`gnnclr.ops.processes.agreement.agree`. (default: ``None``,
            those of this process alone)
        bias (float or Tensor, optional): The bias :math:`b` of pairs that are classified. (default: ``None``)

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
    shift, offset = (bias, None) if isinstance(bias, Tensor) or bias is None else (None, float(bias))
    if torch.is_grad_enabled():
        for x in (*views, learned, shift):
            if x is not None and x.requires_grad:
                return _ContrastViews.apply((tau, offset, pairing, sizes), learned, shift, *views)
    return _contrast_opaque(views, learned, shift, False, tau, offset, pairing, sizes)[0]


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
    def forward(
        ctx: Any, how: tuple[Any, ...], temperature: Tensor | None, bias: Tensor | None, *views: Tensor
    ) -> Tensor:
        loss, *saved = _contrast_opaque(views, temperature, bias, True, *how)
        ctx.save_for_backward(*saved)
        ctx.num_views, ctx.dtype = len(views), views[0].dtype
        return loss

    @staticmethod
    @no_double_backward
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        gradient, by_temperature, by_bias = ctx.saved_tensors
        _, tempered, shifted, *_ = ctx.needs_input_grad
        by_views = (gradient * grad).to(ctx.dtype).chunk(ctx.num_views)
        return None, by_temperature * grad if tempered else None, by_bias * grad if shifted else None, *by_views


def _contrast(
    views: Sequence[Tensor],
    temperature: Tensor | None,
    bias: Tensor | None,
    wanted: bool,
    tau: float | None,
    offset: float | None,
    pairing: str,
    sizes: Sequence[int] | None,
) -> list[Tensor]:
    """The loss; and if they are wanted its gradients by all own rows [V n, d], by the temperature and by the bias."""
    device = views[0].device.type
    if torch.is_autocast_enabled(device):
        with torch.autocast(device, enabled=False):
            return _contrast(views, temperature, bias, wanted, tau, offset, pairing, sizes)
    kind, x = PAIRS[pairing], torch.cat(views)
    joined = None if sizes is None else kind.join(x, len(views), sizes)
    unit = bring_to_unit(x, in_place=True)
    if not unit.safe and looks_at(x):
        for i, view in enumerate(views):
            check_finite(f"views[{i}]", view)
    rows = unit.rows
    scale = 1 / tau if tau is not None else temperature.detach().to(rows.dtype).reshape(()).reciprocal()
    pairs = kind.of(rows, len(views), scale, offset if bias is None else bias, wanted, joined)
    if not wanted:
        return [pairs.loss]
    gradient = pairs.gradient()
    along = torch.linalg.vecdot(gradient, rows).unsqueeze(1)
    # All scores grow with the inverse temperature, and every pair counts on both of its sides.
    by_temperature = rows.new_empty(0) if temperature is None else (along.sum() * (-scale / 2)).view(temperature.shape)
    by_bias = rows.new_empty(0) if pairs.by_bias is None else pairs.by_bias
    return [pairs.loss, unit.back(gradient, along, in_place=True), by_temperature, by_bias]


#: :func:`_contrast` as one operation of a compiler, which would unroll the walk over tiles.
_contrast_compiled = torch.library.custom_op("gnnclr::contrast_views", _contrast, mutates_args=())


@_contrast_compiled.register_fake
def _(
    views: Sequence[Tensor], temperature: Tensor | None, bias: Tensor | None, wanted: bool, *how: Any
) -> list[Tensor]:
    first, dtype = views[0], torch.promote_types(views[0].dtype, torch.float32)
    shapes = [torch.Size()]
    if wanted:
        shapes.append(torch.Size((len(views) * first.size(0), first.size(1))))
        shapes += [torch.Size((0,)) if x is None else x.shape for x in (temperature, bias)]
    return [first.new_empty(shape, dtype=dtype) for shape in shapes]


def _contrast_opaque(*args: Any) -> list[Tensor]:
    return (_contrast_compiled if torch.compiler.is_compiling() else _contrast)(*args)
