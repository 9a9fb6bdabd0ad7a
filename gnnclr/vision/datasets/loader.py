"""Batches of numbered images."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from gnnclr.graph.batches import BatchSelection, EpochBatches
from gnnclr.ops.check import check_count, describe


class SampleLoader(EpochBatches):
    r"""Base class of loaders of batches of samples that have numbers, by slices of a permutation. A subclass writes
    :meth:`epoch_batches`.

    Args:
        num_samples (int): The number of samples.
        labels (torch.Tensor, optional): Their labels :math:`(N)`. (default: :obj:`None`)
        batch_size (int, optional): Samples of a batch, on every process. (default: ``256``)
        shuffle (bool, optional): If set to :obj:`False`, batches are in order. (default: :obj:`True`)
        drop_last (bool, optional): If set to :obj:`True`, samples that fill no batch are left out of an epoch.
            (default: the value of :obj:`shuffle`)
        seed (int, optional): The seed of the order. (default: ``0``)
        rank (int, optional): The number of this process. (default: ``0``)
        world_size (int, optional): The number of processes; each gets a slice of :obj:`batch_size` samples of a global
            batch of :obj:`world_size` times as many, and all get equally many. (default: ``1``)
        selection (BatchSelection, optional): Makes the global batches of an epoch from its order, by embeddings that it
            is given before the epoch begins, the same on all processes: it stands in :attr:`selection`.
            (default: :obj:`None`, slices of the order)
        beside (Mapping[str, torch.Tensor], optional): What else batches have of each sample, by name, with a row for
            each; what is :obj:`None` is left out. (default: :obj:`None`, nothing)
    """

    def __init__(
        self,
        num_samples: int,
        labels: Tensor | None = None,
        batch_size: int = 256,
        shuffle: bool = True,
        drop_last: bool | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        selection: BatchSelection | None = None,
        beside: Mapping[str, Tensor | None] | None = None,
    ):
        super().__init__(seed, rank, world_size)
        self.num_samples = num_samples
        if labels is not None and labels.shape != (num_samples,):
            raise ValueError(f"'labels' must have shape [{num_samples}] (got {describe(labels)})")
        self.labels: Tensor | None = labels
        self.beside: dict[str, Tensor] = {name: x for name, x in (beside or {}).items() if x is not None}
        for name, rows in self.beside.items():
            if len(rows) != num_samples:
                raise ValueError(
                    f"'{name}' must have a row for each of the {num_samples} images (got {describe(rows)})"
                )
        self.batch_size: int = check_count("batch_size", batch_size)
        self.shuffle: bool = shuffle
        self.drop_last: bool = shuffle if drop_last is None else drop_last
        self.selection = selection
        #: The last epoch whose batches were selected, and their order.
        self._selected: tuple[int, Tensor | None] = (-1, None)
        if len(self) == 0:
            raise ValueError(
                f"'images' must fill a batch of {batch_size} on {world_size} processes (got {num_samples} images)"
            )

    def __len__(self) -> int:
        if self.selection is not None:
            return self.selection.num_batches(self._num_used(), self.global_batch)
        return -(-self._num_used() // self.global_batch)

    @property
    def global_batch(self) -> int:
        """The samples that all processes take at one step."""
        return self.batch_size * self.world_size

    def layout(self) -> dict[str, int]:
        """The global batch and the number of images."""
        return {"global_batch": self.global_batch, "num_images": self.num_samples}

    def batch_index(self, order: Tensor, k: int) -> Tensor:
        """The samples of the ``k``-th batch of this process. It is a slice, so that samples which a selection brought
        together stay together."""
        return order[k * self.global_batch : (k + 1) * self.global_batch].tensor_split(self.world_size)[self.rank]

    def batch(self, images: Tensor, index: Tensor) -> dict[str, Tensor]:
        """A batch of images, with their numbers, labels where they are given, and what else there is of them."""
        batch = {"image": images, "index": index} | {name: rows[index] for name, rows in self.beside.items()}
        return batch if self.labels is None else batch | {"label": self.labels[index]}

    def set_epoch(self, epoch: int) -> None:
        """Makes the next iteration that of ``epoch``, whose batches are selected anew."""
        super().set_epoch(epoch)
        self._selected = (-1, None)

    def state_dict(self) -> dict[str, Any]:
        """The epoch, the number of its batches that were given out, and, within an epoch, the selected order: the
        embeddings that it was made from are gone when a run is resumed."""
        state, (epoch, order) = super().state_dict(), self._selected
        if order is not None and epoch == self._epoch and self._position < len(self):
            state["order"] = order
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where the loader that gave ``state`` was. After the last batch of an epoch the next one begins."""
        super().load_state_dict(state)
        self._selected = (self._epoch, state.get("order"))

    def _num_used(self) -> int:
        """The samples of an epoch, on all processes."""
        return self.num_samples - self.num_samples % (self.global_batch if self.drop_last else self.world_size)

    def epoch_order(self, generator: torch.Generator) -> Tensor:
        """The order of an epoch, which is cut into global batches."""
        order = torch.arange(self.num_samples)
        if self.shuffle:
            order = torch.randperm(len(order), generator=generator)
        order = order[: self._num_used()]
        if self.selection is None:
            return order
        epoch, selected = self._selected
        if selected is None or epoch != self._epoch:
            selected = torch.cat(self.selection.batches(order, self.global_batch))
            self._selected = (self._epoch, selected)
        return selected

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_samples}, batch_size={self.batch_size}, shuffle={self.shuffle})"


class TensorLoader(SampleLoader):
    r"""Batches of images in memory, by slices of a permutation.

    Args:
        images (torch.Tensor): The images :math:`(N, C, H, W)`.
        labels (torch.Tensor, optional): Their labels :math:`(N)`. (default: :obj:`None`)
        batch_size (int, optional): Images of a batch, on every process. (default: ``256``)
        shuffle (bool, optional): If set to :obj:`False`, batches are in order. (default: :obj:`True`)
        drop_last (bool, optional): If set to :obj:`True`, images that fill no batch are left out of an epoch.
            (default: the value of :obj:`shuffle`)
        seed (int, optional): The seed of the order. (default: ``0``)
        rank (int, optional): The number of this process. (default: ``0``)
        world_size (int, optional): The number of processes; each gets a slice of :obj:`batch_size` images of a global
            batch of :obj:`world_size` times as many, and all get equally many. (default: ``1``)
        selection (BatchSelection, optional): Makes the global batches of an epoch from its order, by embeddings that it
            is given before the epoch begins, the same on all processes: it stands in :attr:`selection`.
            (default: :obj:`None`, slices of the order)
        other (torch.Tensor, optional): What comes with the images :math:`(N, *)`, such as captions. (default:
            :obj:`None`)
        texture (torch.Tensor, optional): A texture of each image :math:`(N, C, H, W)`. (default: :obj:`None`)

    Returns:
        Iterating gives dictionaries of ``image`` :math:`(B, C, H, W)`, ``index`` :math:`(B)`, the rows of
        :obj:`images`, and, where labels are given, ``label`` :math:`(B)`; where something comes with images, ``other``,
        and where textures do, ``texture``.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor | None = None,
        batch_size: int = 256,
        shuffle: bool = True,
        drop_last: bool | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        selection: BatchSelection | None = None,
        other: Tensor | None = None,
        texture: Tensor | None = None,
    ):
        beside = {"other": other, "texture": texture}
        options = (shuffle, drop_last, seed, rank, world_size, selection, beside)
        super().__init__(len(images), labels, batch_size, *options)
        self.images: Tensor = images

    def epoch_batches(self, generator: torch.Generator) -> Callable[[int], dict[str, Tensor]]:
        """Rows of the images, by slices of the order of the epoch."""
        order = self.epoch_order(generator)

        def make(k: int) -> dict[str, Tensor]:
            index = self.batch_index(order, k)
            return self.batch(self.images[index], index)

        return make
