"""The transforms in a composition."""

from collections.abc import Iterator
from typing import Any

from torch_geometric.transforms import Compose


def composed(transform: Any) -> Iterator[Any]:
    """Lists the transforms of a :class:`torch_geometric.transforms.Compose` or a list, at any depth and in order; of
    anything else that itself.

    Args:
        transform (callable or list): The transform.
    """
    if isinstance(transform, Compose):
        transform = transform.transforms
    if isinstance(transform, (list, tuple)):
        for part in transform:
            yield from composed(part)
    else:
        yield transform
