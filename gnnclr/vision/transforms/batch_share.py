"""The random numbers of a batch that several processes share."""

from contextvars import ContextVar, Token
from types import TracebackType

import torch
from torch import Generator

from gnnclr.vision.transforms.transform import BatchTransform, Params, Shape

_current: ContextVar["BatchShare | None"] = ContextVar("share of a batch", default=None)


class BatchShare:
    """What one of several processes has of a global batch: a slice of its samples, as long as that of each other.

    Within ``with BatchShare(...)`` :class:`~gnnclr.vision.Views` draw for all samples of the global batch, from a
    generator of its seed, and take what concerns their own: views are those that one process would make of the
    whole batch whose generator has this seed, however many share it. To draw is cheap beside making views, so that no
    process waits for another.

    Args:
        seed (int): The seed of the global batch, the same on all processes.
        rank (int): The number of this process.
        world_size (int): The number of processes.
    """

    def __init__(self, seed: int, rank: int, world_size: int) -> None:
        self.seed: int = seed
        self.rank: int = rank
        self.world_size: int = world_size
        self._generators: dict[torch.device, Generator] = {}
        self._token: Token[BatchShare | None] | None = None

    @staticmethod
    def current() -> "BatchShare | None":
        """The share that views are made of, if it is not all of a batch."""
        return _current.get()

    def generator(self, device: torch.device) -> Generator:
        """The random numbers of the global batch, which go on from one view to the next."""
        if device not in self._generators:
            self._generators[device] = Generator(device).manual_seed(self.seed)
        return self._generators[device]

    def sample(self, part: BatchTransform, shape: Shape, generator: Generator | None, device: torch.device) -> Params:
        """The parameters of a transform for the own samples.

        Args:
            part (BatchTransform): The transform.
            shape (tuple): The shape of the own images.
            generator (torch.Generator, optional): Random numbers, in the same state on all processes.
                (default: :obj:`None`, those of the global batch)
            device (torch.device): The device of the images.
        """
        count = shape[0]
        whole = (count * self.world_size, *shape[1:])
        drawn = part.sample(whole, self.generator(device) if generator is None else generator, device)
        rows = slice(self.rank * count, (self.rank + 1) * count)
        return {name: value[rows] for name, value in drawn.items()}

    def __enter__(self) -> "BatchShare":
        self._token = _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)
            self._token = None


def draw(part: BatchTransform, shape: Shape, generator: Generator | None, device: torch.device) -> Params:
    """The parameters of a transform for the samples of this process.

    Args:
        part (BatchTransform): The transform.
        shape (tuple): The shape of its images.
        generator (torch.Generator, optional): Random numbers. (default: :obj:`None`, those of the batch that it shares
            with other processes, or torch's own)
        device (torch.device): The device of the images.
    """
    share = BatchShare.current()
    return part.sample(shape, generator, device) if share is None else share.sample(part, shape, generator, device)
