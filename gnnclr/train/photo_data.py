"""Photos for contrastive training, read from where they are."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gnnclr.eval import ProbeResult, Split, evaluate_features
from gnnclr.eval.labels import probed_split
from gnnclr.graph import DataNeighbors
from gnnclr.graph.batches import BatchSelection
from gnnclr.ops.check import check_choice, check_count, describe
from gnnclr.ops.eval_mode import eval_mode
from gnnclr.ops.labels import UNLABELED
from gnnclr.ops.notice import notice
from gnnclr.ops.paths import expand_path
from gnnclr.train.contrastive_data import check_embedding, device_of
from gnnclr.train.processes.step_size import StepSize
from gnnclr.train.selected_batches import SelectedBatches, check_textures, evenly
from gnnclr.train.validation.held_out import SameEpoch
from gnnclr.vision import CentralSquare, PhotoCrops, PhotoSource, RandomResizedCrop, Textures
from gnnclr.vision.photos.decode import MAX_PIXELS
from gnnclr.vision.photos.inspect import Inspection, inspect_photos
from gnnclr.vision.photos.loader import PhotoLoader
from gnnclr.vision.photos.open_photos import open_photos
from gnnclr.vision.photos.reader import MOST_AT_ONCE, PhotoReader, Read, SquareOf, read_squares, usual_workers
from gnnclr.vision.photos.text_column import TextColumn

#: Height and width of the pixels that are a baseline: those of the whole square would be too many to probe.
THUMBNAIL = 32
#: Height and width of the pictures of a report.
PICTURE = 64
#: The share of each class that is held out for the test, and of the rest for validation, where no folder says so.
HELD_OUT = 0.1


class PhotoData(SelectedBatches):
    """Photos of any size and mode, labeled or not, which are decoded and cropped by processes of their own.

    Training sees all photos but those of the test, without labels. Where folders are classes, probes are fitted on
    labeled training photos, choose their settings on photos of ``val/``, or on a tenth that is held out, and are judged
    on those of ``test/``, or on another tenth, which is not trained on. Without labels nothing is probed.

    A first look decodes every photo once: it finds broken ones, which are passed over, and measures mean and deviation
    of the colors. It is kept in the cache folder for as long as the files are the same.

    Args:
        root (str, optional): The folder, or a zip file, of photos; see
            :func:`~gnnclr.vision.photos.layout.sort_photos` for what its folders may say. Or a folder of tar files, or
            a pattern such as ``photos-{000..012}.tar``, see :class:`gnnclr.vision.PhotoShards`. (default: ``None``)
        dataset (str, optional): ``"folder"``, the only kind there is, for shards as well. (default: ``"folder"``)
        size (int, optional): Height and width of what the encoder sees of a photo where nothing is random.
            (default: ``128``)
        batch_size (int, optional): Photos in a batch, of each process. Fewer photos than that are one batch.
            (default: ``64`` without a ``global_batch_size``)
        seed (int, optional): The seed of batches and crops. (default: ``0``)
        labels (bool, optional): Give batches a ``label``, for objectives that learn from labels. Training then sees the
            labeled training photos alone. (default: ``False``)
        limit (int, optional): Train on this many of the photos, the same ones for all seeds. (default: ``None``)
        classes (bool, optional): Take folders, or the labels in shards, for classes; ``False`` where folders are dates
            or albums. (default: ``True``)
        broken (str, optional): ``"skip"`` passes over photos that cannot be read, ``"refuse"`` ends with an error that
            names the first. (default: ``"skip"``)
        max_pixels (int, optional): A photo of more pixels is refused before it is decoded.
            (default: ``100_000_000``)
        workers (int, optional): The number of processes that read; 0 reads in the process that trains. Results do not
            depend on it. (default: one for each core but one, from 1 to 8)
        selection (BatchSelection, optional): Chooses the batches of an epoch, see :class:`ImageData`.
            (default: ``None``, random batches)
        neighbors (DataNeighbors, optional): Finds the nearest neighbors of all training photos when an epoch begins,
            see :class:`ImageData`. (default: ``None``)
        train_classes (list, optional): Train on images of these classes alone, by their names, and on none without a
            label: episodes of the others are of classes that training has not seen (``gnnclr few-shot``).
            (default: ``None``, on all)
        global_batch_size (int, optional): Photos in a batch of all processes, in the place of ``batch_size``; each
            gets an equal share. (default: ``None``)
        textures (Textures, optional): Gives batches a ``texture`` of the central square of each photo for
            :class:`gnnclr.vision.NonSemanticNegatives`, made once and kept in a file. (default: ``None``)

    Raises:
        ValueError: If there is no ``root``, or an argument does not fit.
    """

    def __init__(
        self,
        root: str | None = None,
        dataset: str = "folder",
        size: int = 128,
        batch_size: int | None = None,
        seed: int = 0,
        labels: bool = False,
        limit: int | None = None,
        classes: bool = True,
        broken: str = "skip",
        max_pixels: int = MAX_PIXELS,
        workers: int | None = None,
        selection: BatchSelection | None = None,
        neighbors: DataNeighbors | None = None,
        train_classes: list[str | int] | None = None,
        global_batch_size: int | None = None,
        textures: Textures | None = None,
    ) -> None:
        limit = check_count("data.limit", limit, least=2, optional=True)
        super().__init__(seed, limit, selection, neighbors, train_classes)
        self.dataset: str = check_choice("data.dataset", dataset, ("folder",))
        self.root: str | None = None if root is None else str(expand_path(root))
        self.square: CentralSquare = CentralSquare(check_count("data.size", size))
        self.step_size: StepSize = StepSize.given(batch_size, global_batch_size, usual=64)
        self.supervised: bool = labels
        self.classes: bool = classes
        self.broken: str = check_choice("data.broken", broken, ("skip", "refuse"))
        self.max_pixels: int = check_count("data.max_pixels", max_pixels)
        self.workers: int | None = check_count("data.workers", workers, least=0, optional=True)
        self.textures: Textures | None = check_textures(textures)
        self.source: PhotoSource | None = None
        self.inspection: Inspection | None = None
        #: What crops photos for the views of a method, and how many it makes.
        self._crops: list[tuple[RandomResizedCrop, int]] = []
        self._held_out: PhotoLoader | None = None
        self.in_channels = 3

    @classmethod
    def of(cls, source: PhotoSource, **options: Any) -> "PhotoData":
        """Photos of any source, such as :class:`gnnclr.vision.MappedPhotos`.

        Args:
            source (PhotoSource): The source.
            options: Further arguments of the class.
        """
        if not isinstance(source, PhotoSource) or not len(source):
            raise ValueError(f"'source' must be a PhotoSource with photos (got {describe(source)})")
        data = cls(**options)
        data.source = source
        return data

    def prepare_data(self) -> None:
        """Makes the textures that a training lacks, on the first process of a machine alone."""
        if self.textures is not None and self.trainer is not None:
            self.setup("fit")
            for rows in (self._train, self._val) if self.validates else (self._train,):
                self._texture(rows)

    def setup(self, stage: str) -> None:
        """Lists the photos and looks at each, once."""
        if self.inspection is not None:
            return
        if self.source is None:
            if self.root is None:
                raise ValueError("'data.root' must be the folder with the photos (got none)")
            self.source = open_photos(self.root, self.classes)
        source = self.source
        self.inspection = inspect_photos(source, self.square, self._workers, self.max_pixels)
        self._say_what_was_found(source, self.inspection.broken)
        #: The numbers of the photos that can be read.
        self.rows: Tensor = torch.tensor([i for i in range(len(source)) if i not in self.inspection.broken])
        self.names: TextColumn = TextColumn.of(str(source.names[i]) for i in self.rows.tolist())
        self.labels: Tensor = source.labels[self.rows]
        self.class_names: list[str] | None = source.classes or None
        parts = [source.parts[i] for i in self.rows.tolist()]
        train, val, test = _split(self.labels, parts)
        if train.numel() + val.numel() == 0:
            raise ValueError(f"'data.root' must hold photos to train on (got {len(self.rows)}, all of them in test/)")
        self.split: Split | None = self._probed(train, val, test)
        self.watched: Tensor = val if val.numel() > 1 else torch.cat([train, val])
        self._parts = train, val
        self._divide()

    def hold_out(self) -> None:
        """Takes the validation part, or a tenth where there is none, out of the training."""
        super().hold_out()
        if self.inspection is not None:
            self._divide()

    def _divide(self) -> None:
        """Says which photos are trained on, and which are held out."""
        train, val = self._parts
        if self.validates and val.numel() < 2:  # no folder and no class says which
            val, train = _held_out(train)
        seen = train if self.validates else torch.cat([train, val]).sort().values
        seen, val = (self._trainable(part) for part in (train if self.supervised else seen, val))
        if self.train_classes is not None and seen.numel() < 2:
            got = f"{seen.numel()} of {self.train_classes}"
            raise ValueError(f"'data.train_classes' must have two photos to train on (got {got})")
        self._train, self._val = seen[self.limited(len(seen))], val

    def _trainable(self, rows: Tensor) -> Tensor:
        """Those photos that training may see, by their labels."""
        rows = rows[self.labels[rows] != UNLABELED] if self.supervised else rows
        classes = self.trained_classes()
        return rows if classes is None else rows[torch.isin(self.labels[rows], classes)]

    def _say_what_was_found(self, source: PhotoSource, broken: dict[int, str]) -> None:
        if broken:
            name, reason = next((source.names[i], reason) for i, reason in broken.items())
            if len(broken) == len(source):
                raise ValueError(
                    f"'data.root' must hold readable photos (all {len(broken)} are broken: {name!r}: {reason})"
                )
            if self.broken == "refuse":
                raise ValueError(
                    f"'data.root' must hold readable photos alone (got {len(broken)} broken, such as {name!r}: "
                    f"{reason}); --data.broken=skip passes over them"
                )
        some = f"; passed over {len(broken)} broken, named in broken.txt of the run" if broken else ""
        notice(f"{source.describe()}{some}")

    def _probed(self, train: Tensor, val: Tensor, test: Tensor) -> Split | None:
        known = self.labels != UNLABELED
        if len(self.labels[known].unique()) > 1 and not all(bool(known[part].any()) for part in (train, val, test)):
            notice("too few photos have a label to hold some out: nothing is probed")
            return None
        return probed_split(self.labels, lambda: Split(train, val, test), "image")

    @property
    def _workers(self) -> int:
        return usual_workers(self.ranks[1]) if self.workers is None else self.workers

    def colors(self) -> tuple[list[float], list[float]]:
        """Mean and deviation of each channel over the central squares of all photos that can be read."""
        return self.inspection.mean, self.inspection.std

    def records(self) -> dict[str, str]:
        """The broken photos and why they are, a line each, as ``broken.txt``."""
        if self.inspection is None or not self.inspection.broken:
            return {}
        return {"broken.txt": "".join(f"{self.source.names[i]}\t{why}\n" for i, why in self.inspection.broken.items())}

    def check(self, method: nn.Module) -> None:
        """Raises a :class:`ValueError` if ``method`` takes graphs. Finds how its views crop photos: those of other
        views, or of a method that sees whole images too, are made of central squares."""
        super().check(method)
        crops = getattr(getattr(method, "views", None), "photo_crops", [])
        self._crops = crops if getattr(method, "takes_crops", False) else []

    def batches(self) -> PhotoLoader:
        """Shuffled batches of the photos that are not of the test: crops of the views of the method that :meth:`check`
        saw, or central squares."""
        world_size = self.ranks[1]
        batch_size, count = self.batch_size, len(self._train)
        if count < batch_size * world_size:
            batch_size = count // world_size
            if batch_size < 2:
                raise ValueError(f"'data.root' must hold two photos to train on for each process (got {count})")
            asked = f"'{self.step_size.field}' is {self.step_size.size}"
            notice(f"batches have {batch_size} photos, as there are no more ({asked})")
        return self._loader(self._train, batch_size, selection=self.shared_selection)

    def _loader(self, rows: Tensor, batch_size: int, **options: Any) -> PhotoLoader:
        labels, (rank, world_size) = self.labels[rows] if self.supervised else None, self.ranks
        options |= {"seed": self.seed, "rank": rank, "world_size": world_size}
        options["beside"] = {"texture": self._texture(rows)}
        return PhotoLoader(self._reader(), self.rows[rows], labels, batch_size, self._workers, **options)

    def _texture(self, rows: Tensor) -> Tensor | None:
        """A texture of each of some photos, mapped into memory; ``None`` without textures."""
        if self.textures is None or len(rows) == 0:
            return None
        return self.textures.of_photos(self.source, self.square, self.rows[rows], self._workers, self.max_pixels)

    def validation_batches(self) -> SameEpoch:
        """Batches of the photos that are held out: those of the validation part, or a tenth where there is none."""
        self._held_out = self._loader(self._val, self.held_out_size(len(self._val)))
        return SameEpoch(self._held_out)

    def _reader(self) -> PhotoReader:
        """Reads what the views of the method take."""
        make = PhotoCrops.of_kinds(self._crops, self.seed) if self._crops else SquareOf(self.square)
        return PhotoReader(self.source, make, self.max_pixels)

    def training_chunks(self, epoch: int) -> Iterator[Tensor]:
        """The photos to train on, in order, as crops of an epoch or as squares."""
        batches = ([(epoch, i) for i in some.tolist()] for some in self.rows[self._train].split(MOST_AT_ONCE))
        for read in self._reader().loader(batches, self._workers):
            self._check_sound(read)
            yield read.images

    def teardown(self, stage: str) -> None:
        """Ends the processes that read."""
        for loader in (self._batches, self._held_out):
            if isinstance(loader, PhotoLoader):
                loader.close()

    def training_labels(self) -> Tensor | None:
        """The labels of the photos to train on, ``-1`` where one is missing, for what is logged."""
        return self.labels[self._train] if bool((self.labels != UNLABELED).any()) else None

    def training_features(self, method: nn.Module, most: int | None = None) -> Tensor:
        """See :meth:`SelectedBatches.training_features`."""
        return self._features({"current": method}, self._train[evenly(len(self._train), most)])["current"]

    def embed(self, method: nn.Module) -> Tensor:
        """The encoder's features [n, d] of all photos, in the order of :attr:`names`, in evaluation mode."""
        return self._features({"trained": method})["trained"]

    def embed_all(self, methods: Mapping[str, nn.Module]) -> dict[str, Tensor]:
        """The features of all photos by each of several methods. Photos are read once for all methods."""
        return self._features(methods)

    def pictures(self, index: Tensor) -> Tensor:
        """The central squares of some of the photos, of 64×64 pixels, in [0, 1].

        Args:
            index (Tensor): Their rows among those of :meth:`embed` [k].
        """
        return torch.cat([x.float() / 255 for x in self._squares(CentralSquare(PICTURE), "pictures", index)])

    def baselines(self) -> dict[str, Callable[[], Tensor]]:
        """The pixels of thumbnails."""
        small = CentralSquare(THUMBNAIL)
        return {"raw": lambda: torch.cat([x.flatten(1).float() / 255 for x in self._squares(small, "thumbnails")])}

    def evaluate(self, methods: Mapping[str, nn.Module]) -> dict[str, dict[str, ProbeResult]]:
        """Probes thumbnails and the features of ``methods`` alike. Photos are read once for all methods."""
        self.setup("evaluate")
        if self.split is None:
            return {}
        results = evaluate_features(self.baselines() | self.embed_all(methods), self.labels, self.split, self.probes)
        return self.with_own_probes(methods, results)

    def inputs(self, index: Tensor) -> Tensor:
        """The squares of some of the photos, as methods embed them."""
        return torch.cat([x.float() / 255 for x in self._squares(self.square, "images", index)])

    @torch.no_grad()
    def _features(self, methods: Mapping[str, nn.Module], index: Tensor | None = None) -> dict[str, Tensor]:
        rows: dict[str, list[Tensor]] = {name: [] for name in methods}
        for images in self._squares(self.square, "embedding", index):
            for name, method in methods.items():
                with eval_mode(method):
                    rows[name].append(method(images.to(device_of(method))).float().cpu())
        return {name: check_embedding(torch.cat(parts), name) for name, parts in rows.items()}

    def _squares(self, square: CentralSquare, title: str, index: Tensor | None = None) -> Any:
        rows = self.rows if index is None else self.rows[index]
        for read in read_squares(self.source, square, rows, self._workers, self.max_pixels, title):
            self._check_sound(read)
            yield read.images

    def _check_sound(self, read: Read) -> None:
        for i, reason in read.checked().broken:
            raise ValueError(f"'{self.source.names[i]}' must stay as it was when the run began ({reason})")


def _held_out(rows: Tensor) -> tuple[Tensor, Tensor]:
    """A tenth of some photos, two at least, and the others; the same ones for all seeds."""
    order = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))]
    count = max(2, round(HELD_OUT * len(rows)))
    return order[:count].sort().values, order[count:].sort().values


def _split(labels: Tensor, parts: list[str]) -> tuple[Tensor, Tensor, Tensor]:
    """The photos of each part, of which those that no folder says are held out of each class, if there are several."""
    part = torch.tensor([{"val": 1, "test": 2}.get(name, 0) for name in parts])
    generator, classes = torch.Generator().manual_seed(0), labels[labels != UNLABELED].unique().tolist()
    for number in (2, 1):
        if bool((part == number).any()) or len(classes) < 2:
            continue
        for label in classes:
            index = ((labels == label) & (part == 0)).nonzero().squeeze(1)
            if len(index) < 3:  # one to learn from and one for each other part
                continue
            order = torch.randperm(len(index), generator=generator)
            part[index[order[: max(1, round(HELD_OUT * len(index)))]]] = number
    train, val, test = ((part == number).nonzero().squeeze(1) for number in range(3))
    return train, val, test
