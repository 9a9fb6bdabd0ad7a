"""Batches in which neighbors meet."""

from typing import ClassVar

import torch
from torch import Tensor

from gnnclr.graph.batches.batch_selection import BatchSelection
from gnnclr.ops.check import check_count, check_index

#: The golden ratio: its multiples, without their integer parts, are spread evenly at any length.
GOLDEN = (5**0.5 - 1) / 2


class NeighborhoodBatches(BatchSelection):
    r"""Batches made of neighborhoods in a graph of neighbors: of :math:`n` samples, a batch of :math:`B` random ones
    holds the share :math:`B / n` of a sample's neighbors, and these hold many.

    Each sample in random order that is in no neighborhood yet begins one, which grows breadth-first along the edges,
    nearest neighbors first, over samples that are in none, to :obj:`size` members or until there are no more. Batches
    are slices of the neighborhoods in turn: each has large ones and small ones, far from each other, so that most
    negatives stay as they are in random batches. Time is linear in the edges.

    Args:
        size (int, optional): The most samples of a neighborhood. With one, batches are random. (default: ``32``)
    """

    needs_neighbors: ClassVar[bool] = True

    def __init__(self, size: int = 32):
        super().__init__()
        self.size: int = check_count("size", size)
        self.neighbor: Tensor | None = None

    def set_neighbors(self, neighbor: Tensor) -> "NeighborhoodBatches":
        """Takes the neighbors of each sample of the data, nearest first and -1 where there are fewer [N, k], and
        returns the rule."""
        neighbor = check_index("neighbor", neighbor, "N", "k").cpu()
        if neighbor.numel() and not -1 <= int(neighbor.min()) <= int(neighbor.max()) < len(neighbor):
            bounds = f"{int(neighbor.min())} to {int(neighbor.max())}"
            raise ValueError(f"'neighbor' must be below its {len(neighbor)} rows, or -1 (got {bounds})")
        self.neighbor = neighbor
        return self

    def select(self, order: Tensor, batch_size: int) -> list[Tensor]:
        """Slices of the neighborhoods; without neighbors, of the order."""
        if self.neighbor is None or self.size == 1 or self.neighbor.numel() == 0 or order.numel() == 0:
            return list(order.split(batch_size))
        if int(order.min()) < 0 or int(order.max()) >= len(self.neighbor):
            raise ValueError(
                f"'order' must be below the {len(self.neighbor)} rows of the neighbors (got {int(order.max())})"
            )
        groups = neighborhoods(self.neighbor, order, self.size)
        # The last ones are small, as their neighbors are taken: they come between the others.
        turn = torch.frac(torch.arange(len(groups), dtype=torch.float64) * GOLDEN).argsort(stable=True)
        samples = [sample for group in turn.tolist() for sample in groups[group]]
        return list(torch.tensor(samples, device=order.device).split(batch_size))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


def neighborhoods(neighbor: Tensor, order: Tensor, size: int) -> list[list[int]]:
    """The samples of ``order`` in neighborhoods, each grown breadth-first over samples that are in none before it.

    Args:
        neighbor (Tensor): The neighbors of each sample, nearest first, -1 where there are fewer [N, k].
        order (Tensor): The samples [n], each once.
        size (int): The most samples of a neighborhood.
    """
    free = [False] * len(neighbor)
    for sample in order.tolist():
        free[sample] = True
    near, groups = neighbor.tolist(), []
    for center in order.tolist():
        if not free[center]:
            continue
        free[center], group = False, [center]
        for member in group:  # which grows meanwhile
            for other in near[member]:
                if len(group) < size and other >= 0 and free[other]:
                    free[other] = False
                    group.append(other)
            if len(group) == size:
                break
        groups.append(group)
    return groups
