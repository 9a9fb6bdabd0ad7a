"""Rows of unit length, and lengths of rows of any size."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from gnnclr.ops.check import looks_at
from gnnclr.ops.no_double_backward import no_double_backward

#: Squares of lengths up to this, and down to its inverse, neither over- nor underflow in float32.
SAFE_LENGTH = 1e15
#: Entries of a row whose squares float32 adds up with an error no larger than that of a rounded sum.
FEW = 1024


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


def _are_safe(length: Tensor) -> bool:
    """Whether no length over- or underflowed, by a look at them."""
    if not length.numel():
        return True
    low, high = length.aminmax()
    return high.add_(low.reciprocal_()).item() < SAFE_LENGTH  # both in one look; NaN is not


def _inverse(length: Tensor) -> Tensor:
    """Divisors of rows, infinite for a zero row, so that it stays zero and gets no gradient."""
    return length.masked_fill(length == 0, float("inf"))


def row_lengths(x: Tensor) -> Tensor:
    """The length of each row [..., 1]; infinity only where the type of ``x`` cannot hold it.

    Args:
        x (Tensor): Rows of any length [..., d], float32 at least.
    """
    length = x.norm(dim=-1, keepdim=True)
    if looks_at(x) and _are_safe(length.detach()):
        return length
    exponent = _exponents(x)
    return scale_down(scale_down(x, exponent).norm(dim=-1, keepdim=True), -exponent)


class Unit(NamedTuple):
    """Rows brought to unit length, and what a gradient needs to go back through that.

    Attributes:
        rows (Tensor): Rows of unit length, or zero [..., d].
        length (Tensor): What the rows were divided by [..., 1]: their length, infinity for zero rows.
        exponent (Tensor, optional): The exponent of the power of two that was taken out before.
        safe (bool): Whether all lengths were seen to be finite, and they and their inverses below ``SAFE_LENGTH``.
    """

    rows: Tensor
    length: Tensor
    exponent: Tensor | None = None
    safe: bool = False

    def back(self, grad: Tensor, along: Tensor, in_place: bool = False) -> Tensor:
        """The gradient by rows of any length, in the type of ``rows``.

        Args:
            grad (Tensor): The gradient by ``rows`` [..., d].
            along (Tensor): Its part along each row, the product of both [..., 1].
            in_place (bool, optional): Whether ``grad`` may be written into. (default: ``False``)
        """
        grad = torch.addcmul(grad, along, self.rows, value=-1, out=grad if in_place else None)
        if self.safe:
            return grad.div_(self.length)
        grad = grad / self.length
        if self.exponent is not None:
            grad = scale_down(grad, self.exponent)
        most = torch.finfo(self.rows.dtype).max  # the rows may be so short that no number is the gradient
        return grad.clamp_(-most, most).to(self.rows.dtype)


def bring_to_unit(x: Tensor, in_place: bool = False) -> Unit:
    """Brings rows of any length to unit length, in float32 at least; it looks at their lengths at most.

    Args:
        x (Tensor): Rows [..., d].
        in_place (bool, optional): Whether ``x`` may be written into: new memory costs a pass over it. (default:
            ``False``)
    """
    z = x if x.dtype == torch.float32 else x.to(torch.promote_types(x.dtype, torch.float32))
    # An error of the length is one of all scores of the row, and those are divided by small temperatures.
    wide = torch.float32 if z.device.type == "mps" else torch.float64  # which has no float64
    looked = looks_at(z)
    dtype = None if looked and z.size(-1) <= FEW else wide
    length = torch.linalg.vector_norm(z, dim=-1, keepdim=True, dtype=dtype)
    if looked and _are_safe(length):
        if length.dtype != z.dtype:  # asked first: a conversion costs as much as the division where rows are few
            length = length.to(z.dtype)
        return Unit(z.div_(length) if in_place else z / length, length, safe=True)
    if z.dtype != wide:  # which holds the length of any such row
        length = _inverse(torch.linalg.vector_norm(z, dim=-1, keepdim=True, dtype=wide))
        return Unit((z / length).to(z.dtype), length)
    exponent = _exponents(z)
    z = scale_down(z, exponent)
    length = _inverse(torch.linalg.vector_norm(z, dim=-1, keepdim=True, dtype=wide))
    return Unit(z.div_(length), length, exponent)


class _Normalize(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        unit = bring_to_unit(x)
        ctx.dtype, ctx.rest = x.dtype, unit[2:]
        ctx.save_for_backward(unit.rows, unit.length)
        return unit.rows

    @staticmethod
    @no_double_backward
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        unit = Unit(*ctx.saved_tensors, *ctx.rest)
        along = torch.linalg.vecdot(grad, unit.rows).unsqueeze(-1)
        return unit.back(grad, along).to(ctx.dtype)


def normalize(x: Tensor) -> Tensor:
    r"""Rows of unit length, computed in float32 at least; a zero row stays zero, and gets no gradient. For losses:
    lengths have all their digits, and there are no second derivatives.

    Args:
        x (Tensor): Rows of any length [..., d].
    """
    return _Normalize.apply(x)


def unit_rows(x: Tensor) -> Tensor:
    r"""Rows of unit length, computed in float32 at least, by operations that autograd differentiates as often as it is
    asked; a zero row stays zero, and gets no gradient. For everything but losses: see :func:`normalize`. Not
    :func:`torch.nn.functional.normalize`, which makes rows shorter than :math:`10^{-12}` too short, and longer than
    :math:`10^{19}` zero.

    Args:
        x (Tensor): Rows of any length [..., d].
    """
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    length = x.norm(dim=-1, keepdim=True)
    if not (looks_at(x) and _are_safe(length.detach())):
        x = scale_down(x, _exponents(x))  # the scale is no part of the result: a constant
        length = x.norm(dim=-1, keepdim=True)
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
