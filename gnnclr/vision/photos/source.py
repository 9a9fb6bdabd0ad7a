"""Where photos come from: the base of all sources."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from gnnclr.ops.labels import class_labels

if TYPE_CHECKING:
    from PIL.Image import Image


class PhotoSource:
    """Base class of photos that are read one by one, by any process.

    A subclass sets the attributes and writes :meth:`read`. It is copied into the processes that read.

    Attributes:
        names (Sequence[str]): The name of each photo, for messages and beside its embedding.
        labels (torch.Tensor): The class of each photo :math:`(N)`, ``-1`` where it has none.
        parts (list[str]): The part of each photo: ``"train"``, ``"val"``, ``"test"``, or ``"all"`` where nothing
            says so.
        classes (list[str]): The names of the classes.
    """

    names: Sequence[str]
    labels: Tensor
    parts: list[str]
    classes: list[str]

    def read(self, index: int) -> "bytes | str | Path | Image":
        """The contents of the file of a photo, its path, or the photo itself."""
        raise NotImplementedError

    def describe(self) -> str:
        """What was found, and what was passed over, in words."""
        return f"{len(self)} photos"

    def key(self) -> str | None:
        """A text that changes when a photo does, by which what was measured is kept; ``None`` keeps nothing."""
        return None

    def place(self, index: int) -> tuple[Path, str] | None:
        """The file that holds a photo, and where in it, by which its contents are read once; ``None`` reads pixels."""
        return None

    def take_labels(self, labels: Any) -> None:
        """Sets :attr:`labels` to those of one's own, and :attr:`classes` to their numbers.

        Args:
            labels (torch.Tensor): The class of each photo :math:`(N)`, ``-1`` where one is missing.

        Raises:
            ValueError: If they are no classes, or not as many as photos.
        """
        self.labels = class_labels("labels", labels, len(self), from_zero=True)
        self.classes = [str(label) for label in range(int(self.labels.max()) + 1)] if len(self) else []

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)}, classes={len(self.classes)})"
