"""The rows that a process computes where several share the rows of a graph, and numbers of rows that all are told."""

import torch
import torch.distributed as dist
from torch import Tensor

from gnnclr.ops.processes.gather_rows import gather_rows


class OwnRows:
    r"""Which rows of a graph are this process's, where each process has all rows and computes what concerns its own.

    What an anchor gives to its candidates takes its log-partition alone, one number a row: once that is told, each
    process has the whole gradient of its own rows, and none has to be sent.

    Args:
        sample (Tensor): The sample of each row [n], in order of rank.
        sizes (list): Samples of each process.

    Attributes:
        index (Tensor): This process's rows, ascending.
        mask (Tensor): Whether each row is one of them [n].
        world (int): The number of processes.
    """

    def __init__(self, sample: Tensor, sizes: list[int]):
        own = dist.get_rank()
        self.world: int = len(sizes)
        rank = torch.bucketize(sample, torch.tensor(sizes, device=sample.device).cumsum(0), right=True)
        self._order: Tensor = torch.argsort(rank, stable=True)
        self._counts: list[int] = torch.bincount(rank, minlength=self.world).tolist()
        self.mask: Tensor = rank == own
        self.index: Tensor = self._order.split(self._counts)[own]

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
