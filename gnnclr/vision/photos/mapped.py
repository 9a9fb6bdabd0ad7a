"""Photos of any data set that is asked by number."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gnnclr.ops.check import check_choice, describe
from gnnclr.ops.labels import UNLABELED
from gnnclr.vision.photos.source import PhotoSource

if TYPE_CHECKING:
    from PIL.Image import Image


class MappedPhotos(PhotoSource):
    """The photos of a data set with a length that is asked by number, such as those of torchvision, Hugging Face or
    litdata.

    Args:
        dataset (Sequence): ``dataset[i]`` for ``i`` from 0 on. Processes that read have copies of it.
        image (callable, optional): What of ``dataset[i]`` is the photo: an image of Pillow, the contents of a file, or
            its path. (default: the first part, as of torchvision)
        labels (torch.Tensor, optional): The class of each photo :math:`(N)`, ``-1`` where one is missing.
            (default: :obj:`None`, no labels)
        names (Sequence[str], optional): Their names. (default: :obj:`None`, their numbers)
        parts (Sequence[str], optional): The part of each: ``"train"``, ``"val"``, ``"test"``, or ``"all"``.
            (default: :obj:`None`, ``"all"``)

    Raises:
        ValueError: If there are not as many labels, names or parts as photos, labels are no classes, or a part is none.

    Example:
        >>> photos = MappedPhotos(torchvision.datasets.Flowers102(root))
        >>> photos = MappedPhotos(datasets.load_dataset("beans", split="train"), lambda row: row["image"])
    """

    def __init__(
        self,
        dataset: Any,
        image: Callable[[Any], "Image | bytes | str | Path"] | None = None,
        labels: Tensor | None = None,
        names: Sequence[str] | None = None,
        parts: Sequence[str] | None = None,
    ) -> None:
        self.dataset: Any = dataset
        self.image: Callable[[Any], Image | bytes | str | Path] | None = image
        count = len(dataset)
        for name, values in (("names", names), ("parts", parts)):
            if values is not None and len(values) != count:
                raise ValueError(f"'{name}' must have one for each of the {count} photos (got {len(values)})")
        self.names: list[str] = [str(i) for i in range(count)] if names is None else list(names)
        self.parts: list[str] = ["all"] * count if parts is None else list(parts)
        for part in set(self.parts):
            check_choice("parts", part, ("train", "val", "test", "all"))
        self.take_labels(torch.full((count,), UNLABELED) if labels is None else labels)

    def read(self, index: int) -> "Image | bytes | str | Path":
        """The photo, as the data set has it."""
        row = self.dataset[index]
        if self.image is not None:
            return self.image(row)
        if not isinstance(row, (tuple, list)):
            raise ValueError(
                f"'image' must say what of {describe(row)} is the photo (got None, which takes a first part)"
            )
        return row[0]
