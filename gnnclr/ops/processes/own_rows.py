"""The rows that a process computes where several share the rows of a graph, and numbers of rows that all are told."""

import torch
import torch.distributed as dist
from torch import Tensor

from gnnclr.ops.processes.gather_rows import gather_rows


class OwnRows:
    r"""Which of the rows of all samples, view after view, are this process's, where each process has all rows and
    computes what concerns its own.

    What an anchor gives to its candidates takes its log-partition alone, one number a row: once that is told, each
    process has the whole gradient of its own rows, and none has to be sent.

    Args:
        sizes (list): Samples of each process.
        num_views (int): The number of views.
        device (torch.device): Where the rows are.

    Attributes:
        index (Tensor): This process's rows, ascending.
        mask (Tensor): Whether each row is one of them [n].
        world (int): The number of processes.
    """

    def __init__(self, sizes: list[int], num_views: int, device: torch.device):
        total, own = sum(sizes), dist.get_rank()
        self.world: int = len(sizes)
        self._counts: list[int] = [num_views * size for size in sizes]
        views = torch.arange(num_views * total, device=device).view(num_views, total)
        ranks = [part.flatten() for part in views.split(sizes, dim=1)]
        self._order: Tensor = torch.cat(ranks)
        self.index: Tensor = ranks[own]
        self.mask: Tensor = torch.zeros_like(self._order, dtype=torch.bool).index_fill_(0, self.index, True)

    def whole(self, own: Tensor) -> Tensor:
        """What belongs to all rows [n], of what each process has of its own; all processes call.

        Args:
            own (Tensor): Values of this process's rows, in the order of ``index``.
        """
        joined = gather_rows(own, self._counts)
        return torch.empty_like(joined).index_copy_(0, self._order, joined)

    def sum(self, x: Tensor) -> Tensor:
        """The sum over processes; all of them call."""
        x = x.clone()
        dist.all_reduce(x)
        return x
