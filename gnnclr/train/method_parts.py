"""What a method is made of."""

from collections.abc import Iterator
from typing import Any

from torch import nn

from gnnclr.graph.composed import composed


def method_parts(method: nn.Module) -> Iterator[Any]:
    """The modules of a method, and the transforms among their attributes.

    Args:
        method (torch.nn.Module): The method.
    """
    for module in method.modules():
        yield module
        yield from composed(list(vars(module).values()))
