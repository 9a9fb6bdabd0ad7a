"""Photos in tar files, in the layout of webdataset."""

from pathlib import Path

import torch
from torch import Tensor

from gnnclr.ops.labels import UNLABELED
from gnnclr.ops.paths import expand_path
from gnnclr.vision.photos.decode import BrokenPhoto
from gnnclr.vision.photos.shard_files import find_shards, parts_of_shards
from gnnclr.vision.photos.shard_table import shard_table, shards_key
from gnnclr.vision.photos.source import PhotoSource
from gnnclr.vision.photos.text_column import TextColumn


class PhotoShards(PhotoSource):
    r"""The photos of tar files in the layout of webdataset, read at random where they lie.

    Members whose names are the same up to the first dot are one sample: ``0001.jpg`` and, optionally, its label in
    ``0001.cls``, or in the field ``label`` or ``cls`` of ``0001.json``. Labels are numbers of classes, or their names.
    Images are all members whose extension is one that Pillow reads. Photos are in the order of shards and members.

    A table says where each photo lies. It is made once and kept in the cache folder for as long as names, sizes and
    times of the shards are the same.

    Args:
        root (str or Path): A folder of shards, one shard, or a pattern such as ``photos-{000..012}.tar``. Shards may
            say their part, see :func:`~gnnclr.vision.photos.shard_files.parts_of_shards`.
        classes (bool, optional): Take the labels in the shards. (default: ``True``)
        labels (torch.Tensor, optional): The class of each photo :math:`(N)` in the order of :attr:`names`, ``-1`` where
            one is missing. (default: :obj:`None`, those in the shards)

    Raises:
        FileNotFoundError: If there are no shards, or no photos in them; the message says what was found instead.
        BrokenShard: If a shard is cut, compressed or no tar file; a key has two images, or a label is none.
        ValueError: If :obj:`labels` are no classes, or not as many as photos; or if some labels in the shards are
            numbers and others names.
    """

    def __init__(self, root: str | Path, classes: bool = True, labels: Tensor | None = None) -> None:
        self.root: Path = expand_path(root)
        self.shards: list[Path] = find_shards(root)
        self._key, table = shards_key(self.shards), shard_table(self.shards)
        self._places = table.places
        self.names: TextColumn = table.names
        passed_over = ", ".join(f"{count:,} {why}" for why, count in table.passed_over.items())
        self._rest = f"; passed over {passed_over}" if passed_over else ""
        if not len(self.names):
            rest = self._rest or "; they are empty"
            raise FileNotFoundError(f"'root' must hold photos (got '{root}', shards which hold none{rest})")
        parts = parts_of_shards(self.shards, root)
        self.parts: list[str] = [parts[shard] for shard in self._places[:, 0].tolist()]
        if labels is not None:
            self.take_labels(labels)
        else:
            self._label(torch.from_numpy(table.label), table.labels if classes else [])

    def _label(self, label: Tensor, texts: list[str]) -> None:
        numbers = [text for text in texts if text.removeprefix("-").isdecimal()]
        if 0 < len(numbers) < len(texts):
            other = next(text for text in texts if text not in numbers)
            raise ValueError(f"'root' must have labels that are all numbers or all names (got {numbers[0]}, {other!r})")
        self.classes: list[str] = sorted(texts)
        classes = [int(text) if numbers else self.classes.index(text) for text in texts]
        self.labels: Tensor = torch.tensor([*classes, UNLABELED])[label if texts else torch.full_like(label, -1)]
        if numbers:
            self.take_labels(self.labels)

    def read(self, index: int) -> bytes:
        """The contents of a photo.

        Raises:
            BrokenPhoto: If the shard is shorter than it was.
        """
        shard, offset, size = self._places[index].tolist()
        with self.shards[shard].open("rb", buffering=0) as file:
            file.seek(offset)
            content = file.read(size)
        if len(content) < size:
            raise BrokenPhoto(self.names[index], f"got {len(content)} of its {size} bytes")
        return content

    def describe(self) -> str:
        """What was found, and what was passed over, in words."""
        known, count = len(self.classes), len(self.shards)
        classes = f" of {known} class{'es' * (known != 1)}" if known else ""
        photos, shards = f"{len(self)} photo{'s' * (len(self) != 1)}", f"{count} shard{'s' * (count != 1)}"
        return f"{photos}{classes} in {shards} of '{self.root}'{self._rest}"

    def key(self) -> str:
        """A text that changes with the names, sizes and times of the shards."""
        return self._key

    def place(self, index: int) -> tuple[Path, str]:
        """The shard of a photo, and where its contents begin and how long they are."""
        shard, offset, size = self._places[index].tolist()
        return self.shards[shard], f"{offset} {size}"
