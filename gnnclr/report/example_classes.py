"""The classes of the examples of data."""

from torch import Tensor

from gnnclr.ops.labels import class_labels
from gnnclr.train import ContrastiveData


def example_classes(data: ContrastiveData) -> Tensor | None:
    """The class [n] of each example that data embed, ``-1`` where one is missing; ``None`` without labels, or where an
    example may have several.

    Args:
        data (ContrastiveData): The data.
    """
    if data.labels is None or data.labels.dim() != 1:
        return None
    labels = class_labels("labels", data.labels)
    return labels if bool((labels >= 0).any()) else None
