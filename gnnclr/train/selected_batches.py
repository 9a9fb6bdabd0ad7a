"""The base of data modules of images, whose batches a rule may select."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from gnnclr.eval import knn_probe, linear_of_any_size
from gnnclr.eval.baselines import Probe
from gnnclr.graph import DataNeighbors
from gnnclr.graph.batches import BatchSelection
from gnnclr.node import NodeMethod
from gnnclr.ops.check import describe
from gnnclr.ops.eval_mode import eval_mode
from gnnclr.train.contrastive_data import ContrastiveData, device_of
from gnnclr.train.follow_neighbors import check_neighbors
from gnnclr.train.processes.shared_selection import SharedSelection
from gnnclr.train.processes.step_size import StepSize
from gnnclr.vision import Textures, Whitened

#: Training images that features are made white by: more change nothing.
MOST_TO_WHITEN = 10_000


class SelectedBatches(ContrastiveData):
    """Base class of images in batches that a rule may select, by embeddings or by neighbors, when an epoch begins. A
    subclass writes :meth:`training_chunks`, and sets :attr:`step_size`.

    Args:
        seed (int, optional): The seed of the order of batches. (default: ``0``)
        limit (int, optional): Train on this many of the images, the same ones for all seeds. (default: ``None``)
        selection (BatchSelection, optional): The rule. (default: ``None``, random batches)
        neighbors (DataNeighbors, optional): Finds the neighbors of all training images. (default: ``None``)
        train_classes (list, optional): The names of the classes that are trained on. (default: ``None``, all images,
            also those without a label)
    """

    step_size: StepSize
    can_validate = True

    def __init__(
        self,
        seed: int = 0,
        limit: int | None = None,
        selection: BatchSelection | None = None,
        neighbors: DataNeighbors | None = None,
        train_classes: list[str | int] | None = None,
    ) -> None:
        super().__init__(seed)
        self.train_classes: list[str] | None = None if train_classes is None else _class_list(train_classes)
        if selection is not None and not isinstance(selection, BatchSelection):
            raise ValueError(f"'data.selection' must be a BatchSelection (got {describe(selection)})")
        self.limit: int | None = limit
        self.selection: BatchSelection | None = selection
        self.neighbors: DataNeighbors | None = check_neighbors(neighbors)
        if selection is not None and selection.needs_neighbors and neighbors is None:
            raise ValueError(f"'data.neighbors' must be DataNeighbors for {type(selection).__name__} (got None)")

    @property
    def batch_size(self) -> int:
        """The samples of a batch of this process."""
        return self.step_size.of_each(self.ranks[1])

    @property
    def probes(self) -> dict[str, Probe]:
        """What features are probed by: many pixels take too long to be fitted to convergence."""
        return {"linear": linear_of_any_size, "kNN": knn_probe}

    def check_processes(self, method: nn.Module, count: int) -> None:
        """Raises a :class:`ValueError` if so many processes cannot share a batch evenly."""
        self.step_size.of_each(count)

    def training_chunks(self, epoch: int) -> Iterator[Tensor]:
        """The images to train on, in order, as the views of a method take them."""
        raise NotImplementedError

    def training_features(self, method: nn.Module, most: int | None = None) -> Tensor:
        """The encoder's features [n, d] of the images to train on, in evaluation mode.

        Args:
            method (torch.nn.Module): The method.
            most (int, optional): Those of so many images at most, at equal steps. (default: ``None``, of all)
        """
        raise NotImplementedError

    def fit_features(self, method: nn.Module) -> None:
        """Fits an encoder of :class:`gnnclr.vision.Whitened` that has not seen features since it was trained."""
        encoder = getattr(method, "encoder", None)
        if isinstance(encoder, Whitened) and not encoder.is_fitted:
            self.setup("fit")
            encoder.fit(self.training_features(method, MOST_TO_WHITEN))

    def check(self, method: nn.Module) -> None:
        """Raises a :class:`ValueError` if ``method`` takes graphs, or its encoder expects inputs of another width."""
        if isinstance(method, NodeMethod):
            raise ValueError(f"'model.method' must take images, which 'data' are (got {type(method).__name__})")
        super().check(method)

    @property
    def batches_by_neighbors(self) -> bool:
        """Whether the selection makes batches of the neighbors."""
        return self.selection is not None and self.selection.needs_neighbors

    @property
    def shared_selection(self) -> BatchSelection | None:
        """The selection, that of the first process where there are several."""
        if self.selection is None or self.trainer is None or self.trainer.world_size == 1:
            return self.selection
        return SharedSelection(self.selection, self.trainer)

    @property
    def ranks(self) -> tuple[int, int]:
        """The number of this process, and the number of all."""
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    def held_out_size(self, count: int) -> int:
        """The samples of a held-out batch of this process: those of a batch, or of fewer that there are.

        Args:
            count (int): The samples of the validation part.
        """
        size = min(self.batch_size, count // self.ranks[1])
        if size < 2:
            raise ValueError(
                f"'trainer.limit_val_batches' must be 0 with fewer than two validation samples for each process "
                f"(got {count} on {self.ranks[1]})"
            )
        return size

    def trained_classes(self) -> Tensor | None:
        """The numbers of the classes that are trained on; ``None`` for all images.

        Raises:
            ValueError: If the data have no class of a name that was given.
        """
        if self.train_classes is None:
            return None
        known = [] if self.class_names is None else list(self.class_names)
        for name in self.train_classes:
            if name not in known:
                which = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "") if known else "none"
                raise ValueError(f"'data.train_classes' must name classes of the data, {which} (got {name!r})")
        return torch.tensor([known.index(name) for name in self.train_classes])

    def limited(self, count: int) -> Tensor | slice:
        """The images among ``count`` that are trained on."""
        if self.limit is None or self.limit >= count:
            return slice(None)
        return torch.randperm(count, generator=torch.Generator().manual_seed(0))[: self.limit]

    @torch.no_grad()
    def start_epoch(self, method: nn.Module, epoch: int) -> None:
        """Finds the neighbors that are due. Gives the selection of batches these, or the embeddings of two views of all
        images, on the first process: its batches are those of all."""
        super().start_epoch(method, epoch)
        if self.batches_by_neighbors:
            self.selection.set_neighbors(self.neighbors.neighbor)
            return
        if self.selection is None or (self.trainer is not None and not self.trainer.is_global_zero):
            return
        missing = [name for name in ("encoder", "projector", "views") if not hasattr(method, name)]
        if missing:
            raise ValueError(
                f"'data.selection' needs a method with an encoder, a projector and views (got {type(method).__name__} "
                f"without {', '.join(missing)})"
            )
        device = device_of(method)
        # Drawn by a generator of its own: a run that is resumed sees the same.
        generator = torch.Generator(device).manual_seed((self.seed * 1_000_003 + epoch) % 2**63)
        with eval_mode(method):
            views = (method.views(chunk.to(device), generator)[:2] for chunk in self.training_chunks(epoch))
            z = [[method.projector(method.encoder(chunk)).float().cpu() for chunk in view] for view in views]
        self.selection.set_embeddings(*map(torch.cat, zip(*z)))


def evenly(count: int, most: int | None) -> Tensor | slice:
    """Rows of ``count``, at most so many, at equal steps.

    Args:
        count (int): The number of rows.
        most (int, optional): How many are taken; ``None`` for all.
    """
    return slice(None) if most is None or most >= count else torch.arange(most) * count // most


def check_textures(textures: Any) -> Textures | None:
    """Returns ``textures``, or raises a :class:`ValueError` if they are something else."""
    if textures is not None and not isinstance(textures, Textures):
        raise ValueError(f"'data.textures' must be Textures (got {describe(textures)})")
    return textures


def _class_list(names: list[str | int]) -> list[str]:
    texts = [str(name) for name in names]
    if len(texts) == 0 or len(set(texts)) < len(texts):
        raise ValueError(f"'data.train_classes' must be names of classes, each once (got {texts})")
    return texts
