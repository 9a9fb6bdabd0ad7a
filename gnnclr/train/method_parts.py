"""What a method is made of."""

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch_geometric.transforms import Compose


def method_parts(method: nn.Module) -> Iterator[Any]:
    """The modules of a method, and the transforms among their attributes.

    Args:
        method (torch.nn.Module): The method.
    """
    for module in method.modules():
        yield module
        yield from _flat(list(vars(module).values()))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, Compose):
        value = value.transforms
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _flat(part)
    else:
        yield value
