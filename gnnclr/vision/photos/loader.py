"""Batches of photos that processes of their own read."""

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from gnnclr.ops.check import check_count
from gnnclr.vision.datasets.loader import SampleLoader
from gnnclr.vision.photos.reader import PhotoReader, Read


class PhotoLoader(SampleLoader):
    r"""Batches of photos, by slices of a permutation, read ahead by processes that have no state: a run that is resumed
    within an epoch sees the same batches, whatever the number of processes that read then and before.

    Args:
        reader (PhotoReader): Makes a tensor of the photo ``(epoch, number)``, such as
            :class:`~gnnclr.vision.PhotoCrops`.
        rows (torch.Tensor): The numbers of the photos that are read :math:`(N)`.
        labels (torch.Tensor, optional): Their labels :math:`(N)`. (default: :obj:`None`)
        batch_size (int, optional): Photos of a batch, on every process that trains. (default: ``64``)
        workers (int, optional): The number of processes that read; with 0 it is this one. (default: ``0``)
        options: ``seed``, ``rank``, ``world_size``, ``selection`` and ``beside`` of
            :class:`~gnnclr.vision.datasets.loader.SampleLoader`.

    Returns:
        Iterating gives dictionaries of ``image`` :math:`(B, *)`, ``index`` :math:`(B)`, places in :obj:`rows`, and,
        where labels are given, ``label`` :math:`(B)`; and what else there is of each photo, by its name.
    """

    def __init__(
        self,
        reader: PhotoReader,
        rows: Tensor,
        labels: Tensor | None = None,
        batch_size: int = 64,
        workers: int = 0,
        **options: Any,
    ):
        super().__init__(len(rows), labels, batch_size, **options)
        self.reader: PhotoReader = reader
        self.rows: Tensor = rows
        self.workers: int = check_count("workers", workers, least=0)
        self._keys = _Keys()
        #: What reads, if it does. It is held from outside as well, so that it outlives this loader and ends in order:
        #: of garbage in a circle its queues would end first, and each process would be waited for in vain.
        self._open: list[DataLoader[Any]] = []
        weakref.finalize(self, self._open.clear)

    def epoch_batches(self, generator: torch.Generator) -> Callable[[int], dict[str, Tensor]]:
        """Photos of the order of the epoch, of which those to come are read meanwhile."""
        order, epoch, this = self.epoch_order(generator), self._epoch, weakref.proxy(self)
        reads: Iterator[Read] | None = None

        def make(k: int) -> dict[str, Tensor]:
            nonlocal reads
            if reads is None:  # the first batch that is asked for, which of a resumed epoch is not the first there is
                self._keys.make = lambda: (
                    [(epoch, i) for i in this.rows[this.batch_index(order, j)].tolist()] for j in range(k, len(this))
                )
                reads = iter(self._reading())
            read = next(reads).checked()
            for index, reason in read.broken:
                name = self.reader.source.names[index]
                raise ValueError(f"'{name}' must stay as it was when the run began ({reason})")
            return self.batch(read.images, self.batch_index(order, k))

        return make

    def _reading(self) -> DataLoader[Any]:
        if not self._open:
            self._open.append(self.reader.loader(self._keys, self.workers, keep=True))
        return self._open[0]

    def close(self) -> None:
        """Ends the processes that read; the next iteration starts new ones."""
        self._open.clear()


class _Keys:
    """The keys of the batches of an epoch, made as they are read. The processes stay, and read others in the next."""

    def __init__(self) -> None:
        self.make: Callable[[], Iterator[list[tuple[int, int]]]] = lambda: iter(())

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return self.make()
