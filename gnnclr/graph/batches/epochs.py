"""The base of loaders that resume at the next batch: an epoch is a function of seed and number."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from gnnclr.ops.check import check_count, check_seed


class EpochBatches:
    """Base class of loaders of batches, whose epochs are a function of a seed and their number.

    Every iteration is a new epoch, except the first one after :meth:`load_state_dict`, which goes on at the batch after
    the last one that was given out: a run that was stopped and resumed sees the batches of a run that was not. The
    global generator is not touched.

    The batches that all processes take at one step are the global batch. A subclass writes :meth:`epoch_batches`
    and ``__len__``; and, where the global batches of an epoch do not depend on how many processes share them,
    :meth:`layout`: then a run may go on with another number of processes as long as the global batch stays.

    Args:
        seed (int, optional): The seed of all epochs. (default: ``0``)
        rank (int, optional): The number of this process. (default: ``0``)
        world_size (int, optional): The number of processes. (default: ``1``)
    """

    def __init__(self, seed: int = 0, rank: int = 0, world_size: int = 1):
        if check_count("rank", rank, least=0) >= check_count("world_size", world_size):
            raise ValueError(f"'rank' must be at least 0 and below 'world_size' (got {rank!r} and {world_size})")
        self.seed: int = check_seed("seed", seed)
        self.rank: int = rank
        self.world_size: int = world_size
        self._epoch, self._position, self._resume = -1, 0, False
        #: Seconds in which batches were made here, or waited for where other processes make them.
        self.seconds: float = 0.0

    def epoch_batches(self, generator: torch.Generator) -> Callable[[int], Any]:
        """The batches of an epoch, of which the ``k``-th is made when it is asked for.

        Args:
            generator (torch.Generator): Gives the order of the epoch.
        """
        raise NotImplementedError

    def layout(self) -> dict[str, int]:
        """The values that a position in an epoch depends on, by name: two loaders of one layout have the same global
        batches. Without ``global_batch``, the samples of one step on all processes, the number of processes must
        stay."""
        return {}

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
            begin = time.perf_counter()
            batch = make(k)
            self.seconds += time.perf_counter() - begin
            if epoch == self._epoch:  # an iteration that another one has replaced no longer counts
                self._position = k + 1
            yield batch

    def set_epoch(self, epoch: int) -> None:
        """Makes the next iteration that of ``epoch``."""
        self._epoch, self._position, self._resume = epoch - 1, 0, False

    def state_dict(self) -> dict[str, Any]:
        """The epoch, the number of its batches that were given out, and :meth:`layout`."""
        layout = {"seed": self.seed, "world_size": self.world_size, **self.layout()}
        return {"epoch": self._epoch, "position": self._position, "layout": layout}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where the loader that gave ``state`` was, also if that one was shared by another number of processes.
        After the last batch of an epoch the next one begins.

        Raises:
            ValueError: If this loader has other global batches: the position would be another one.
        """
        self._check_layout(state)
        self._epoch, self._position = int(state["epoch"]), int(state["position"])
        self._resume = self._epoch >= 0 and self._position < len(self)

    def _check_layout(self, state: dict[str, Any]) -> None:
        saved, own = state.get("layout"), self.state_dict()["layout"]
        if saved is None:
            raise ValueError(
                "the position in the batches cannot be resumed: the checkpoint is of a version that did not write the "
                "global batch size and the number of processes into it. Train anew, or resume with that version"
            )
        for name, value in own.items():
            if name == "world_size" and "global_batch" in own:
                continue
            if name not in saved or saved[name] != value:
                raise ValueError(self._mismatch(name, saved, value))

    def _mismatch(self, name: str, saved: dict[str, int], value: int) -> str:
        wanted = saved.get(name, "absent")
        if name != "global_batch" or name not in saved:
            return f"'{name}' must be {wanted} as in the checkpoint, or its position would be another one (got {value})"
        was, now = saved["world_size"], self.world_size
        share = f"'batch_size' {wanted // now}" if wanted % now == 0 else f"a number of processes that divides {wanted}"
        return (
            f"the global batch must be the {wanted} samples of the checkpoint ('batch_size' {wanted // was} on {was} "
            f"processes), or its position in the epoch would be another one: take {share} on {now} processes "
            f"(got 'batch_size' {value // now}, a global batch of {value})"
        )
