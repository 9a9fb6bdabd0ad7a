"""Images for contrastive training."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from gnnclr.eval import Split
from gnnclr.eval.labels import probed_split
from gnnclr.graph import DataNeighbors
from gnnclr.graph.batches import BatchSelection
from gnnclr.ops.check import check_choice, check_count, describe
from gnnclr.ops.eval_mode import eval_mode
from gnnclr.ops.labels import UNLABELED
from gnnclr.ops.paths import expand_path
from gnnclr.train.contrastive_data import device_of
from gnnclr.train.processes.step_size import StepSize
from gnnclr.train.selected_batches import SelectedBatches, check_textures, evenly
from gnnclr.train.validation.held_out import SameEpoch
from gnnclr.vision import (
    Captions,
    CentralSquare,
    Images,
    TensorLoader,
    Textures,
    cifar10,
    digits,
    digits_canvas,
    torchvision_images,
)
from gnnclr.vision.colors import measured_colors
from gnnclr.vision.transforms.normalize import CIFAR_MEAN, CIFAR_STD

DATASETS = ("digits", "cifar10", "cifar100", "stl10")
#: Height and width of the images of a data set, and their channels.
SHAPES = {"digits": (8, 1), "cifar10": (32, 3), "cifar100": (32, 3), "stl10": (96, 3)}


class ImageData(SelectedBatches):
    """Batches of images, and labeled images for the probes.

    Training sees all images but the test images, without labels; those that have none as well (``"stl10"``). Probes
    are fitted on the training images, and choose their settings on a fixed tenth of them that is held out for
    validation, or on those of a folder ``val/``. Images without a label (``-1``) are left out of the split.

    Args:
        dataset (str): ``"digits"`` come with scikit-learn; ``"cifar10"``, ``"cifar100"`` and ``"stl10"`` (see
            :func:`gnnclr.vision.torchvision_images`) are read from ``root``. Photos are :class:`PhotoData`.
        root (str, optional): Where the files are; ``~`` and ``$NAME`` are replaced. (default: ``None``)
        size (int, optional): Height and width of the canvas on which each digit has a random place, see
            :func:`gnnclr.vision.digits_canvas`. (default: digits as they are)
        batch_size (int, optional): Images in a batch, of each process. (default: ``256`` without a
            ``global_batch_size``)
        seed (int, optional): The seed of the order of batches. (default: ``0``)
        labels (bool, optional): Give batches a ``label``, for objectives that learn from labels. Training then sees the
            training images alone: what the probes choose their settings on stays unseen. Supervised losses take an
            image without a label for a class of its own. (default: ``False``)
        limit (int, optional): Train on this many of the images, the same ones for all seeds, for quick trials. Probes
            see all. (default: ``None``)
        selection (BatchSelection, optional): Chooses the batches of an epoch by the embeddings that all images have
            when it begins, which needs a method with an ``encoder`` and a ``projector``, or by ``neighbors``; see
            :mod:`gnnclr.graph.batches`. (default: ``None``, random batches)
        neighbors (DataNeighbors, optional): Finds the nearest neighbors of all training images, by the features that
            they have when an epoch begins, for :class:`~gnnclr.graph.DataNeighborRewiring` and
            :class:`~gnnclr.graph.batches.NeighborhoodBatches`. The share of them within a class is logged as
            ``neighbors_within_class``. (default: ``None``)
        train_classes (list, optional): Train on images of these classes alone, by their names, and on none without a
            label: episodes of the others are of classes that training has not seen (``gnnclr few-shot``).
            (default: ``None``, on all)
        captions (Captions, optional): Gives batches an ``other`` for :class:`gnnclr.vision.PairedInputs`: the captions
            of each image, such as :class:`gnnclr.vision.DigitCaptions`. They tell the classes, so that training sees
            the training images alone, as with ``labels``. (default: ``None``)
        global_batch_size (int, optional): Images in a batch of all processes, in the place of ``batch_size``; each
            gets an equal share. (default: ``None``)
        textures (Textures, optional): Gives batches a ``texture`` of each image for
            :class:`gnnclr.vision.NonSemanticNegatives`, made once and kept in files. (default: ``None``)

    Raises:
        ValueError: If ``dataset`` is unknown, needs a ``root`` and has none, or both sizes of a batch are given.
    """

    def __init__(
        self,
        dataset: str,
        root: str | None = None,
        size: int | None = None,
        batch_size: int | None = None,
        seed: int = 0,
        labels: bool = False,
        limit: int | None = None,
        selection: BatchSelection | None = None,
        neighbors: DataNeighbors | None = None,
        train_classes: list[str | int] | None = None,
        captions: Captions | None = None,
        global_batch_size: int | None = None,
        textures: Textures | None = None,
    ) -> None:
        super().__init__(seed, limit, selection, neighbors, train_classes)
        if captions is not None and not isinstance(captions, Captions):
            raise ValueError(f"'data.captions' must be Captions, such as DigitCaptions (got {describe(captions)})")
        self.caption_source: Captions | None = captions
        self.textures: Textures | None = check_textures(textures)
        if dataset == "folder":
            raise ValueError(
                "'data.dataset' must be one that fits into memory (got 'folder'): take a recipe for photos, such as "
                "simclr-folder, or --data=gnnclr.train.PhotoData"
            )
        self.dataset: str = check_choice("data.dataset", dataset, DATASETS)
        if dataset != "digits" and root is None:
            raise ValueError(f"'data.root' must be the folder with the files of {dataset!r} (got none)")
        self.step_size: StepSize = StepSize.given(batch_size, global_batch_size, usual=256)
        if limit is not None and check_count("data.limit", limit) < self.step_size.size:
            least = f"the batch size of {self.step_size.size}"
            raise ValueError(f"'data.limit' must be at least {least} (got {describe(limit)})")
        self.root: str | None = None if root is None else str(expand_path(root))
        self.size: int | None = size
        self.supervised: bool = labels
        self.images: Images | None = None
        own, channels = SHAPES[dataset]
        self.square: CentralSquare = CentralSquare(
            size if size is not None and dataset == "digits" else own, 1.0, channels
        )

    def prepare_data(self) -> None:
        """Makes the textures that a training lacks, on the first process of a machine alone."""
        if self.textures is not None and self.trainer is not None:
            self.setup("fit")
            self.textures.of_images(self.training_images()[0])

    def setup(self, stage: str) -> None:
        """Loads the images, once."""
        if self.images is not None:
            return
        size = {} if self.size is None else {"size": self.size}
        load: dict[str, Callable[[], Images]] = {
            "digits": lambda: digits_canvas(**size) if size else digits(),
            "cifar10": lambda: cifar10(self.root),
            "cifar100": lambda: torchvision_images("CIFAR100", self.root),
            "stl10": lambda: torchvision_images("STL10", self.root),
        }
        self.images = load[self.dataset]()
        self.class_names: list[str] = list(self.images.classes)
        parts = (self.images.train, self.images.val, self.images.test)
        self.labels: Tensor = torch.cat([part.labels for part in parts])
        self.in_channels: int = self.images.shape[0]
        rows = torch.arange(len(self.labels)).split([len(part.labels) for part in parts])
        others = 0 if self.images.extra is None else len(self.images.extra)
        self.split: Split | None = probed_split(self.labels, lambda: Split(*rows), "image", others)

    def training_images(self) -> tuple[Tensor, Tensor | None]:
        """The images to train on, and their labels where batches have them."""
        if self._told:
            images = self.images.train.images
        else:
            images = self.images.train_and_extra if self.validates else self.images.unlabeled
        index = self._trained(self._labels_to_train())
        return images[index], self.images.train.labels[index] if self.supervised else None

    @property
    def _told(self) -> bool:
        """Whether training is told the classes, by labels or by captions."""
        return self.supervised or self.caption_source is not None

    def _trained(self, labels: Tensor) -> Tensor | slice:
        """The rows that are trained on, of all that could be, by their labels."""
        classes = self.trained_classes()
        if classes is None:
            return self.limited(len(labels))
        rows = torch.isin(labels, classes).nonzero().view(-1)
        return rows[self.limited(len(rows))]

    def training_labels(self) -> Tensor:
        """The labels of the images to train on, ``-1`` where one is missing, for what is logged."""
        labels = self._labels_to_train()
        return labels[self._trained(labels)]

    def _labels_to_train(self) -> Tensor:
        parts = [self.images.train.labels]
        if not self._told:
            others = 0 if self.images.extra is None else len(self.images.extra)
            parts += [] if self.validates else [self.images.val.labels]
            parts += [torch.full((others,), UNLABELED)]
        return torch.cat(parts)

    def colors(self) -> tuple[list[float], list[float]]:
        """Mean and deviation of each channel over the images that are no test images, or those that are known."""
        if (known := known_colors(self.dataset)) is not None:
            return known
        parts = [self.images.train.images, self.images.val.images]
        parts += [] if self.images.extra is None else [self.images.extra]
        return measured_colors(chunk for part in parts for chunk in part.split(4096))

    def batches(self) -> TensorLoader:
        """Shuffled batches of the images that are no test images, or of the labeled training images."""
        images, labels = self.training_images()
        rank, world_size = self.ranks
        batch_size, field = self.batch_size, self.step_size.field
        if len(images) < self.step_size.size:
            raise ValueError(f"'{field}' must be at most the {len(images)} images (got {self.step_size.size})")
        selection = self.shared_selection
        other = None
        if self.caption_source is not None:
            other = self._tokens(images, self.training_labels())
        texture = None if self.textures is None else self.textures.of_images(images)
        options = {"seed": self.seed, "rank": rank, "world_size": world_size, "selection": selection}
        return TensorLoader(images, labels, batch_size, other=other, texture=texture, **options)

    def validation_batches(self) -> SameEpoch:
        """Batches of the validation images, as those of the training are."""
        images, labels = self.images.val
        classes = self.trained_classes()
        if classes is not None:
            images, labels = (part[torch.isin(labels, classes)] for part in (images, labels))
        rank, world_size = self.ranks
        other = None if self.caption_source is None else self._tokens(images, labels)
        texture = None if self.textures is None else self.textures.of_images(images)
        options = {"seed": self.seed, "rank": rank, "world_size": world_size, "other": other, "texture": texture}
        told = labels if self.supervised else None
        return SameEpoch(TensorLoader(images, told, self.held_out_size(len(images)), **options))

    def captions(self, index: Tensor) -> Tensor | None:
        """The captions of some of the images, as numbers of words [k, K, L]; ``None`` where there are none."""
        if self.caption_source is None:
            return None
        parts = (self.images.train, self.images.val, self.images.test)
        return self._tokens(torch.cat([part.images for part in parts]), self.labels)[index]

    def prompts(self) -> Tensor | None:
        """The captions of each class as a whole [C, P, L]; ``None`` where there are none."""
        source = self.caption_source
        return None if source is None else source.tokens(source.of_classes(self.images.classes))

    def _tokens(self, images: Tensor, labels: Tensor) -> Tensor:
        source = self.caption_source
        return source.tokens(source.of_images(images, labels, self.images.classes))

    def training_chunks(self, epoch: int) -> Iterator[Tensor]:
        """The images to train on, in order."""
        return iter(self.training_images()[0].split(512))

    def training_features(self, method: nn.Module, most: int | None = None) -> Tensor:
        """See :meth:`SelectedBatches.training_features`."""
        images = self.training_images()[0]
        return _features(method, images[evenly(len(images), most)])

    def embed(self, method: nn.Module) -> Tensor:
        """The encoder's features [n, d] of all images, in evaluation mode."""
        parts = (self.images.train, self.images.val, self.images.test)
        return _features(method, *(part.images for part in parts))

    def pictures(self, index: Tensor) -> Tensor:
        """Some of the images as they are [k, c, h, w], in [0, 1].

        Args:
            index (Tensor): Their rows among those of :meth:`embed` [k].
        """
        images = torch.cat([part.images for part in (self.images.train, self.images.val, self.images.test)])
        return images[index].float() / 255

    def inputs(self, index: Tensor) -> Tensor:
        """Some of the images as methods embed them, which is as they are."""
        return self.pictures(index)

    def baselines(self) -> dict[str, Callable[[], Tensor]]:
        """The pixels."""
        parts = (self.images.train, self.images.val, self.images.test)
        return {"raw": lambda: torch.cat([part.images for part in parts]).flatten(1).float() / 255}


def known_colors(dataset: str | None) -> tuple[list[float], list[float]] | None:
    """Mean and deviation of each channel of the images of a data set, where they are known without a look at it.

    Args:
        dataset (str): Its name.
    """
    return (list(CIFAR_MEAN), list(CIFAR_STD)) if dataset == "cifar10" else None


@torch.no_grad()
def _features(method: nn.Module, *images: Tensor) -> Tensor:
    device = device_of(method)
    with eval_mode(method):
        chunks = [chunk for part in images for chunk in part.split(512)]
        return torch.cat([method(chunk.to(device)).float().cpu() for chunk in chunks])
