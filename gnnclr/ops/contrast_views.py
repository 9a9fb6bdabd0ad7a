"""The softmax loss of a batch of views, from rows of any length to their gradients in one autograd function."""

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import softplus

from gnnclr.ops.check import check_finite, check_positive, looks_at
from gnnclr.ops.no_double_backward import no_double_backward
from gnnclr.ops.row_sweep import RowSweep
from gnnclr.ops.sample_diagonals import SampleDiagonals
from gnnclr.ops.tiles import SAFE_RANGE, RowTiles, SymmetricTiles, tile_size
from gnnclr.ops.unit_rows import bring_to_unit

#: What rounding may add to the similarity of unit rows, and more.
ROUNDING = 1.001


def contrast_views(views: Sequence[Tensor], temperature: float | Tensor, pairing: str = "views") -> Tensor | None:
    r"""The mean over anchors and their positives of

    .. math:: \operatorname{softplus}(\ell_i - s_{ip}), \qquad \ell_i = \log \sum_{j \in \mathcal{N}(i)} e^{s_{ij}}

    with :math:`s` the cosine over the temperature: NT-Xent where all ``"views"`` are anchors and views of other samples
    repel, InfoNCE where rows of the first view are anchors and the ``"keys"`` of others, in the second, repel. The
    positive is never in the log-sum-exp, so loss and gradient keep their digits.

    It needs no graph: where pairs lie is arithmetic. On the CPU data are looked at twice, to refuse what is not finite
    and to read a temperature that is learned; elsewhere they are not looked at.

    Args:
        views (list): Views, two or more.
        temperature (float or Tensor): The temperature :math:`\tau > 0`.
        pairing (str, optional): ``"views"`` or ``"keys"``. (default: ``"views"``)

    Shapes:
        - **input:** matrices :math:`(n, d)`
        - **output:** scalar, float32 or float64; ``None`` where the views are not alike or empty, or where many rows at
          a low temperature are faster by fused kernels
    """
    learned, tau = (temperature, None) if isinstance(temperature, Tensor) else (None, temperature)
    if learned is not None and looks_at(learned):
        tau = float(learned.detach())
    if tau is not None:
        check_positive("temperature", tau, learnable=True)
    if not _alike(views) or not _PAIRS[pairing].suits(views, tau):
        return None
    requires_grad = torch.is_grad_enabled() and learned is not None and learned.requires_grad
    for x in views:
        requires_grad |= torch.is_grad_enabled() and x.requires_grad
    if requires_grad:
        return _ContrastViews.apply(pairing, tau, learned, *views)
    with torch.no_grad():
        return _contrast_opaque(views, learned, tau, pairing, False)[0]


def _alike(views: Sequence[Tensor]) -> bool:
    first = views[0]
    for x in views:
        if type(x) not in (Tensor, nn.Parameter) or x.shape != first.shape:
            return False
        if x.dtype != first.dtype or x.device != first.device:
            return False
    return first.numel() > 0 and not first.is_meta


class _ContrastViews(Function):
    @staticmethod
    def forward(ctx: Any, pairing: str, tau: float | None, temperature: Tensor | None, *views: Tensor) -> Tensor:
        loss, *saved = _contrast_opaque(views, temperature, tau, pairing, True)
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
        return None, None, None if ctx.temperature is None else by_temperature, *by_views


class _Views:
    """All views of other samples repel.

    Args:
        z (Tensor): Unit rows [V, n, d].
        scale (float or Tensor): The factor of similarities.
        wanted (bool): Whether the gradient is.
    """

    def __init__(self, z: Tensor, scale: float | Tensor, wanted: bool):
        num_views, n, d = z.shape
        self.z, self.scale = z, scale
        z = z.view(-1, d)
        self.symmetric = _safe(scale)
        self.tiles: Any
        if self.symmetric:
            self.tiles = SymmetricTiles(z, z, SampleDiagonals(n), scale, keep=wanted)
        else:
            self.tiles = RowTiles(z, z, SampleDiagonals(n), scale)
        #: The pairs of views, and the anchors of each, which are both.
        self.pairs = list(itertools.combinations(range(num_views), 2))
        self.ends = [slice(a, b + 1, b - a) for a, b in self.pairs]
        self.lse = self.tiles.lse.view(num_views, n)
        score = torch.stack([torch.linalg.vecdot(self.z[a], self.z[b]) for a, b in self.pairs]).mul_(scale)
        #: How much the log-partition of an anchor is above the score of its positive.
        self.gap = torch.stack([self.lse[ends] for ends in self.ends]) - score.unsqueeze(1)

    @staticmethod
    def suits(views: Sequence[Tensor], tau: float | None) -> bool:
        """Whether this is as fast as the general way: on a CPU fused kernels are faster where tiles take maxima, but
        they need to know where pairs are excluded."""
        few = len(views) * views[0].size(0) <= tile_size(views[0])
        return few or tau is None or _safe(1 / tau) or not looks_at(views[0])

    def gradient(self) -> Tensor:
        """The gradient by unit rows [V n, d]."""
        pull = torch.sigmoid(self.gap).mul_(self.scale / self.gap.numel())
        push = pull[0]
        if len(self.ends) > 1:
            push = torch.zeros_like(self.lse)
            for ends, part in zip(self.ends, pull):
                push[ends].add_(part)
        if self.symmetric:
            gradient = self.tiles.message(push.view(-1))
        else:
            to_q, to_k = self.tiles.messages(push.view(-1))
            gradient = to_q.add_(to_k)
        of_view = gradient.view_as(self.z)
        for (a, b), weight in zip(self.pairs, pull.sum(dim=1).unsqueeze(2).unbind()):
            of_view[a].addcmul_(weight, self.z[b], value=-1)
            of_view[b].addcmul_(weight, self.z[a], value=-1)
        return gradient


class _Keys:
    """Keys of other queries repel; with the arguments of :class:`_Views`."""

    def __init__(self, z: Tensor, scale: float | Tensor, wanted: bool):
        (q, k), n, self.out, options = z.unbind(), z.size(1), None, {}
        if wanted:
            self.out, share = torch.empty_like(z), scale / n
            options = {"weigh": lambda gap, rows: gap.sigmoid().mul_(share), "out": self.out.unbind()}
        self.gap = RowSweep(q, k, SampleDiagonals(n), scale, safe=_safe(scale), positives=True, **options).gap

    @staticmethod
    def suits(views: Sequence[Tensor], tau: float | None) -> bool:
        """Whether this is as fast as the general way."""
        return len(views) == 2 and RowSweep.worthwhile(views[1])

    def gradient(self) -> Tensor:
        """The gradient by queries and keys [2 n, d]."""
        return self.out.flatten(0, 1)


_PAIRS = {"views": _Views, "keys": _Keys}


def _safe(scale: float | Tensor) -> bool:
    """Whether no exponent can over- or underflow: the similarity of unit rows is one at most."""
    return isinstance(scale, float) and 2 * scale * ROUNDING < SAFE_RANGE


def _contrast(
    views: Sequence[Tensor], temperature: Tensor | None, tau: float | None, pairing: str, wanted: bool
) -> list[Tensor]:
    """The loss; and if they are wanted its gradients by all rows [V n, d] and by the temperature."""
    device = views[0].device.type
    if torch.is_autocast_enabled(device):
        with torch.autocast(device, enabled=False):
            return _contrast(views, temperature, tau, pairing, wanted)
    x = torch.cat(views)
    unit = bring_to_unit(x, in_place=True)
    if not unit.safe and looks_at(x):
        for i, view in enumerate(views):
            check_finite(f"views[{i}]", view)
    z = unit.rows.view(len(views), *views[0].shape)
    scale = 1 / tau if tau is not None else temperature.detach().to(z.dtype).reshape(()).reciprocal()
    pairs = _PAIRS[pairing](z, scale, wanted)
    loss = softplus(pairs.gap, threshold=50.0).mean()
    if not wanted:
        return [loss]
    gradient = pairs.gradient()
    along = torch.linalg.vecdot(gradient, unit.rows).unsqueeze(1)
    # All scores grow with the inverse temperature, and every pair counts on both of its sides.
    by_temperature = loss.new_empty(0) if temperature is None else along.sum() * (-scale / 2)
    return [loss, unit.back(gradient, along, in_place=True), by_temperature]


@torch.library.custom_op("gnnclr::contrast_views", mutates_args=())
def _contrast_compiled(
    views: Sequence[Tensor], temperature: Tensor | None, tau: float | None, pairing: str, wanted: bool
) -> list[Tensor]:
    return _contrast(views, temperature, tau, pairing, wanted)


@_contrast_compiled.register_fake
def _(
    views: Sequence[Tensor], temperature: Tensor | None, tau: float | None, pairing: str, wanted: bool
) -> list[Tensor]:
    first, dtype = views[0], torch.promote_types(views[0].dtype, torch.float32)
    out = [first.new_empty((), dtype=dtype)]
    if wanted:
        out.append(first.new_empty((len(views) * first.size(0), first.size(1)), dtype=dtype))
        out.append(first.new_empty(() if temperature is not None else 0, dtype=dtype))
    return out


def _contrast_opaque(*args: Any) -> list[Tensor]:
    """:func:`_contrast`, which a compiler takes as one operation: it would unroll the walk over tiles."""
    return (_contrast_compiled if torch.compiler.is_compiling() else _contrast)(*args)
