"""Rows of unit length, whatever their length was."""

import torch
from torch import Tensor
from torch.autograd import Function

from gnnclr.ops.no_double_backward import no_double_backward

#: Lengths whose squares neither over- nor underflow in float32.
SAFE_LENGTHS = (1e-15, 1e18)


def power_of_two(largest: Tensor) -> Tensor:
    """The exponents of the powers of two next above numbers; to be taken out by :func:`scale_down`."""
    return torch.frexp(largest.detach()).exponent


def scale_down(x: Tensor, exponent: Tensor) -> Tensor:
    r"""The tensor times :math:`2^{-e}`, which rounds nothing; a half of the power at a time, as the inverse of the
    smallest number is beyond the largest."""
    half, one = exponent // 2, torch.ones_like(exponent, dtype=x.dtype)
    return x * torch.ldexp(one, -half) * torch.ldexp(one, half - exponent)


def _exponents(x: Tensor) -> Tensor:
    """Exponents of the largest entry of each row [..., 1]."""
    # The infinity norm of torch would say the same, 15 times slower.
    return power_of_two(x.detach().abs().amax(dim=-1, keepdim=True))


def _lengths(x: Tensor, dtype: torch.dtype | None = None) -> tuple[Tensor, bool]:
    """Lengths of rows [..., 1], and whether none over- or underflowed: on a GPU, which would be waited for, the answer
    is no."""
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=dtype).to(x.dtype)
    if length.device.type != "cpu" or torch.compiler.is_compiling() or not length.numel():
        return length, length.numel() == 0
    low, high = (float(end) for end in length.detach().aminmax())
    return length, SAFE_LENGTHS[0] < low and high < SAFE_LENGTHS[1]


def _inverse(length: Tensor) -> Tensor:
    """What a zero row is divided by, so that it stays zero and gets no gradient."""
    return length.masked_fill(length == 0, float("inf"))


def row_lengths(x: Tensor) -> Tensor:
    """The length of each row [..., 1]; infinity only where the type of ``x`` cannot hold it.

    Args:
        x (Tensor): Rows of any length [..., d], float32 at least.
    """
    length, safe = _lengths(x)
    if safe:
        return length
    exponent = _exponents(x)
    return scale_down(_lengths(scale_down(x, exponent))[0], -exponent)


class _Normalize(Function):
    @staticmethod
    def forward(ctx, x):
        z = x.to(torch.promote_types(x.dtype, torch.float32))
        # An error of the length is one of all scores of the row, and those are divided by small temperatures.
        wide = z.dtype if z.device.type == "mps" else torch.float64  # which has no float64
        length, safe = _lengths(z, wide)
        exponent = None
        if safe:
            z = z / length
        else:
            exponent = _exponents(z)
            z = scale_down(z, exponent)
            length = _inverse(_lengths(z, wide)[0])
            z = z.div_(length)
        ctx.dtype, ctx.exponent = x.dtype, exponent
        ctx.save_for_backward(z, length)
        return z

    @staticmethod
    @no_double_backward
    def backward(ctx, grad):
        z, length = ctx.saved_tensors
        along = torch.linalg.vecdot(grad, z).unsqueeze(-1)
        grad = torch.addcmul(grad, along, z, value=-1).div_(length)
        if ctx.exponent is not None:
            most = torch.finfo(grad.dtype).max  # the rows may be so short that no number is the gradient
            grad = scale_down(grad, ctx.exponent).clamp_(-most, most)
        return grad.to(ctx.dtype)


def normalize(x: Tensor) -> Tensor:
    r"""Rows of unit length, computed in float32 at least; a zero row stays zero, and gets no gradient. For losses:
    lengths have all their digits, and there are no second derivatives.

    Args:
        x (Tensor): Rows of any length [..., d].
    """
    return _Normalize.apply(x)


def unit_rows(x: Tensor) -> Tensor:
    r"""Rows of unit length, computed in float32 at least, by operations that autograd differentiates as often as it is
    asked; a zero row stays zero, and gets no gradient. :func:`torch.nn.functional.normalize` makes rows shorter than
    :math:`10^{-12}` too short, and longer than :math:`10^{19}` zero.

    Args:
        x (Tensor): Rows of any length [..., d].
    """
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    length, safe = _lengths(x)
    if not safe:
        x = scale_down(x, _exponents(x))  # the scale is no part of the result: a constant
        length = _lengths(x)[0]
    return x / _inverse(length)


def squared_excess(x: Tensor) -> Tensor:
    """The squared length of each row minus one [n]; exactly zero where that is rounding, so that scores of unit rows
    are functions of their distance.

    Args:
        x (Tensor): Rows [n, d], float32 at least.
    """
    wide = x.dtype if x.device.type == "mps" else torch.float64
    length = torch.linalg.vector_norm(x, dim=-1, dtype=wide)
    excess = (length - 1) * (length + 1)
    return excess.masked_fill_(excess.abs() < 16 * torch.finfo(x.dtype).eps, 0).to(x.dtype)
