"""The loss of a method on held-out batches, of which the training keeps no trace."""

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from gnnclr.ops.mixed_seed import mixed_seed
from gnnclr.vision.datasets.loader import SampleLoader
from gnnclr.vision.transforms.batch_share import BatchShare


class SameEpoch:
    """The first epoch of a loader at each iteration: the same batches, and the same crops. Batches have no ``index``,
    since rows of held-out samples are no rows of the training.

    Args:
        loader (SampleLoader): The loader.
    """

    def __init__(self, loader: SampleLoader) -> None:
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        self.loader.set_epoch(0)
        for batch in self.loader:
            yield {name: value for name, value in batch.items() if name != "index"}


class HeldOutLoss:
    """The mean loss of a method over held-out batches. It is computed by a copy in evaluation mode, whose queues and
    buffers change, and with random numbers of a seed and the number of the batch: views are the same each time.

    Args:
        method (torch.nn.Module): The method.
        seed (int): The seed of the run.
        rank (int, optional): The number of this process. (default: ``0``)
        world_size (int, optional): The number of processes. (default: ``1``)
    """

    def __init__(self, method: nn.Module, seed: int, rank: int = 0, world_size: int = 1) -> None:
        with torch.inference_mode(False):  # or weights could have no gradients, as attacks on images need
            self._method = copy.deepcopy(method).eval()
        self._seed, self._rank, self._world_size = seed, rank, world_size
        self._losses: list[Tensor] = []

    def add(self, batch: Any, number: int) -> None:
        """Takes the loss of a batch.

        Args:
            batch (dict): The batch.
            number (int): Its number.
        """
        device = next((weight.device for weight in self._method.parameters()), torch.device("cpu"))
        with torch.inference_mode(False), torch.no_grad(), _own_random_numbers(device):
            torch.manual_seed(mixed_seed(self._seed, number, self._rank))
            own = {name: value.clone() for name, value in batch.items()}
            with self._share(number):
                self._losses.append(self._method.training_step_loss(own)[0].detach().float())

    def _share(self, number: int) -> AbstractContextManager[Any]:
        if self._world_size == 1:
            return nullcontext()
        return BatchShare(mixed_seed(self._seed, number, 0), self._rank, self._world_size)

    def mean(self) -> Tensor:
        """The mean over the batches so far, which are of one size."""
        return torch.stack(self._losses).mean()


@contextmanager
def _own_random_numbers(device: torch.device) -> Iterator[None]:
    devices = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(devices, device_type="cuda" if device.type == "cpu" else device.type):
        yield
