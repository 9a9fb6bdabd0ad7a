"""Reads photos in processes of their own."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gnnclr.ops.check import describe
from gnnclr.vision.photos.decode import MAX_PIXELS, BrokenPhoto, PhotoTooLarge, decode_pixels, upright_pixels
from gnnclr.vision.photos.progress import progress
from gnnclr.vision.photos.source import PhotoSource
from gnnclr.vision.photos.square import CentralSquare

#: The most processes that read where nothing else is said.
MOST_WORKERS = 8
#: The photos that are read at a time where nothing is trained.
MOST_AT_ONCE = 64


def usual_workers(world_size: int = 1) -> int:
    """The number of processes that read for one that trains: one for each of its cores but one, from 1 to 8.

    Args:
        world_size (int, optional): The processes that train on this machine. (default: ``1``)
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST_WORKERS, cores // world_size - 1))


def read_photo(source: PhotoSource, index: int, max_pixels: int = MAX_PIXELS) -> Tensor:
    """The pixels of a photo of a source, upright: red, green and blue :math:`(3, H, W)`, ``uint8``.

    Args:
        source (PhotoSource): The source.
        index (int): The number of the photo.
        max_pixels (int, optional): The most pixels that are decoded. (default: ``100_000_000``)

    Raises:
        BrokenPhoto: If it cannot be read to its end, or is not there any more.
        PhotoTooLarge: If it has more pixels.
        ValueError: If the source gives something else than a photo.
    """
    from PIL.Image import Image

    name = str(source.names[index])
    try:
        found = source.read(index)
        if isinstance(found, (bytes, str, Path)):
            return decode_pixels(found, name, max_pixels)
        if not isinstance(found, Image):
            raise ValueError(
                f"'{name}' must be a path, the contents of a file, or an image of Pillow (got {describe(found)})"
            )
        return upright_pixels(found)
    except OSError as error:  # a link to nowhere, a file without permission
        raise BrokenPhoto(name, f"got {type(error).__name__}: {getattr(error, 'strerror', None) or error}") from error


class Read(NamedTuple):
    """Photos that were read.

    Args:
        index (torch.Tensor): Their numbers :math:`(B)`.
        images (torch.Tensor): What was made of each :math:`(B, *)`; empty if all are broken.
        broken (list): The number of each photo that cannot be read, and why; none of the others.
        refused (PhotoTooLarge, optional): The error about a photo that must not be decoded.
    """

    index: Tensor
    images: Tensor
    broken: list[tuple[int, str]]
    refused: PhotoTooLarge | None = None

    def checked(self) -> "Read":
        """The same, unless a photo is refused. (An error that a process raises comes with its traceback as text.)"""
        if self.refused is not None:
            raise self.refused
        return self


class PhotoReader(Dataset[Any]):
    """Makes tensors of the photos of a source, by keys. It has no state: any process may read any photo.

    Args:
        source (PhotoSource): The source.
        make (callable): ``make(photo, *key)`` makes a tensor of the pixels of a photo :math:`(3, H, W)`.
        max_pixels (int, optional): The most pixels that are decoded. (default: ``100_000_000``)
    """

    def __init__(self, source: PhotoSource, make: Callable[..., Tensor], max_pixels: int = MAX_PIXELS) -> None:
        self.source: PhotoSource = source
        self.make: Callable[..., Tensor] = make
        self.max_pixels: int = max_pixels

    def __getitem__(self, key: tuple[int, ...]) -> tuple[int, Tensor | str | PhotoTooLarge]:
        """What is made of a photo, or why it is broken or refused. The last part of the key is its number."""
        index = key[-1]
        try:
            return index, self.make(read_photo(self.source, index, self.max_pixels), *key)
        except BrokenPhoto as error:
            return index, error.reason
        except PhotoTooLarge as error:
            return index, error

    def loader(self, batches: Iterable[Sequence[tuple[int, ...]]], workers: int, keep: bool = False) -> DataLoader[Any]:
        """Reads batches of keys, ahead of who takes them, and gives a :class:`Read` for each.

        Args:
            batches (iterable): The keys of each batch.
            workers (int): The number of processes that read; with 0 it is this one.
            keep (bool, optional): Keep the processes for further iterations. (default: ``False``)
        """
        return DataLoader(
            self,
            batch_sampler=batches,  # pyright: ignore[reportArgumentType]
            num_workers=workers,
            collate_fn=_collate,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=_leave_signals_to_the_parent,
            persistent_workers=keep and workers > 0,
            generator=torch.Generator(),  # or it would draw from that of the training
        )


def read_squares(
    source: PhotoSource,
    square: CentralSquare,
    index: Tensor | None = None,
    workers: int = 0,
    max_pixels: int = MAX_PIXELS,
    title: str | None = None,
    batch_size: int | None = None,
) -> Iterator[Read]:
    """Reads the central squares of photos, in order.

    Args:
        source (PhotoSource): The source.
        square (CentralSquare): What is seen of a photo.
        index (torch.Tensor, optional): The numbers of the photos. (default: :obj:`None`, all)
        workers (int, optional): The number of processes that read. (default: ``0``, this one)
        max_pixels (int, optional): The most pixels that are decoded. (default: ``100_000_000``)
        title (str, optional): What a bar of progress says, on a terminal. (default: :obj:`None`, no bar)
        batch_size (int, optional): Photos at a time. (default: ``64``)
    """
    batch_size = MOST_AT_ONCE if batch_size is None else batch_size
    numbers = torch.arange(len(source)) if index is None else index
    batches = ([(i,) for i in some.tolist()] for some in numbers.split(batch_size))
    reader = PhotoReader(source, SquareOf(square), max_pixels)
    # Processes that are not needed take longer to start than they save.
    workers = workers if len(numbers) > batch_size else 0
    with progress(title, len(numbers)) as advance:
        for read in reader.loader(batches, workers):
            yield read.checked()
            advance(len(read.index) + len(read.broken))


class SquareOf:
    """Takes the central square of a photo, whatever its key.

    Args:
        square (CentralSquare): The square.
    """

    def __init__(self, square: CentralSquare) -> None:
        self.square = square

    def __call__(self, photo: Tensor, *key: int) -> Tensor:
        """The square of a photo."""
        return self.square(photo)


def _collate(items: list[tuple[int, Tensor | str | PhotoTooLarge]]) -> Read:
    sound = [(index, image) for index, image in items if isinstance(image, Tensor)]
    broken = [(index, reason) for index, reason in items if isinstance(reason, str)]
    images = torch.stack([image for _, image in sound]) if sound else torch.empty(0, dtype=torch.uint8)
    refused = next((error for _, error in items if isinstance(error, PhotoTooLarge)), None)
    return Read(torch.tensor([index for index, _ in sound], dtype=torch.int64), images, broken, refused)


def _leave_signals_to_the_parent(worker: int) -> None:
    """Ctrl-C reaches all processes of a terminal: the one that trains decides, and ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)
