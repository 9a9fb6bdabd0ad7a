"""The base of loaders whose epochs can be resumed."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from gnnclr.ops.check import check_count, check_seed


class EpochBatches:
    """Base class of loaders of batches, whose epochs are a function of a seed and their number.

    Every iteration is a new epoch, except the first one after :meth:`load_state_dict`, which goes on at the batch after
    the last one that was given out: a run that was stopped and resumed sees the batches of a run that was not. The
    global generator is not touched.

    A subclass writes :meth:`epoch_batches` and ``__len__``.

    Args:
        seed (int, optional): The seed of all epochs. (default: ``0``)
        rank (int, optional): The number of this process. (default: ``0``)
        world_size (int, optional): The number of processes. (default: ``1``)
    """

    def __init__(self, seed: int = 0, rank: int = 0, world_size: int = 1):
        check_count("world_size", world_size)
        if isinstance(rank, bool) or not isinstance(rank, int) or not 0 <= rank < world_size:
            raise ValueError(f"'rank' must be at least 0 and below 'world_size' (got {rank!r} and {world_size})")
        self.seed, self.rank, self.world_size = check_seed("seed", seed), rank, world_size
        self._epoch, self._position, self._resume = -1, 0, False

    def epoch_batches(self, generator: torch.Generator) -> Callable[[int], Any]:
        """The batches of an epoch, of which the ``k``-th is made when it is asked for.

        Args:
            generator (torch.Generator): Gives the order of the epoch.
        """
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def __iter__(self) -> Iterator[Any]:
        if not self._resume:
            self._epoch, self._position = self._epoch + 1, 0
        self._resume = False
        # A generator of its own for every epoch: no epoch needs those before it.
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + self._epoch) % 2**63)
        epoch, make = self._epoch, self.epoch_batches(generator)
        for k in range(self._position, len(self)):
            batch = make(k)
            if epoch == self._epoch:  # an iteration that another one has replaced no longer counts
                self._position = k + 1
            yield batch

    def set_epoch(self, epoch: int) -> None:
        """Makes the next iteration that of ``epoch``."""
        self._epoch, self._position, self._resume = epoch - 1, 0, False

    def state_dict(self) -> dict[str, Any]:
        """The epoch, and the number of its batches that were given out."""
        return {"epoch": self._epoch, "position": self._position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where the loader that gave ``state`` was. After the last batch of an epoch the next one begins."""
        self._epoch, self._position = int(state["epoch"]), int(state["position"])
        self._resume = self._epoch >= 0 and self._position < len(self)
