"""Features whose squares stay within the range of floats."""

import torch
from torch import Tensor

from gnnclr.ops.unit_rows import power_of_two, scale_down


def unit_scale(x: Tensor) -> Tensor:
    """The matrix times the power of two that brings its largest entry to about one: exact, and of no effect on results
    that are the same at all scales. Squares of huge or tiny entries would be infinite or zero."""
    return scale_down(x, power_of_two(x.abs().max())) if x.numel() else x


def float32_features(x: Tensor) -> Tensor:
    """The matrix in float32 on the CPU, detached. One in float64 whose largest entry is beyond the range of float32 is
    brought to about one first, see :func:`unit_scale`."""
    x = x.detach().cpu()
    if x.dtype == torch.float64 and x.numel() and not 2.0**-100 <= float(x.abs().max()) < 2.0**100:
        x = unit_scale(x)
    return x.float()
