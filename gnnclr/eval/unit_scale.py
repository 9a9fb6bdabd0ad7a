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


def float32_features(x: Tensor) -> Tensor:
    """The matrix in float32 on the CPU, detached. One in float64 whose largest entry is beyond the range of float32 is
    multiplied by a power of two first: for what is the same at all scales."""
    x = x.detach().cpu()
    if x.dtype == torch.float64 and x.numel():
        exponent = torch.frexp(x.abs().max()).exponent
        if abs(int(exponent)) > 100:
            half = exponent // 2  # the power itself may be beyond the range
            x = torch.ldexp(torch.ldexp(x, -half), half - exponent)
    return x.float()
