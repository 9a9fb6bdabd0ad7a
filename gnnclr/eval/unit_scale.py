"""Features whose squares stay within the range of floats."""

import torch
from torch import Tensor


def unit_scale(x: Tensor) -> Tensor:
    """The matrix times the power of two that brings its largest entry to about one: exact, and of no effect on what is
    the same at all scales. Squares of huge or tiny entries would be infinite or zero."""
    if x.numel() == 0:
        return x
    exponent = torch.frexp(x.abs().max()).exponent.clamp(-126, 126)  # beyond, the power itself is no normal number
    return torch.ldexp(x, -exponent)
