"""Photos in a folder, or in a zip file."""

import hashlib
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gnnclr.ops.labels import UNLABELED
from gnnclr.ops.paths import expand_path, printable
from gnnclr.vision.datasets.archive import open_archive
from gnnclr.vision.datasets.walk import walk_files
from gnnclr.vision.photos.decode import BrokenPhoto
from gnnclr.vision.photos.layout import Layout, sort_photos
from gnnclr.vision.photos.source import PhotoSource
from gnnclr.vision.photos.text_column import TextColumn


class PhotoFolder(PhotoSource):
    """The photos of a folder, or of a zip file, at any depth. Links are followed.

    Photos are all files whose extension is one that Pillow reads. Folders may say their part and their class, see
    :func:`~gnnclr.vision.photos.layout.sort_photos`; both are optional.

    Args:
        root (str or Path): The folder or the zip file; ``~`` and ``$NAME`` are replaced.
        classes (bool, optional): Take folders for classes. (default: ``True``)
        labels (torch.Tensor, optional): The class of each photo :math:`(N)` in the order of :attr:`names`, ``-1`` where
            one is missing. (default: :obj:`None`, by folders)

    Raises:
        FileNotFoundError: If :obj:`root` does not exist or holds no photo; the message says what was found instead.
        ValueError: If :obj:`labels` are no classes, or not as many as photos.
    """

    def __init__(self, root: str | Path, classes: bool = True, labels: Tensor | None = None) -> None:
        self.root: Path = expand_path(root)
        if not self.root.exists():
            raise FileNotFoundError(
                f"'root' must be a folder or a zip file of photos (got '{root}', which does not exist)"
            )
        self._zip: tuple[int, zipfile.ZipFile] | None = None
        self.is_archive: bool = not self.root.is_dir()
        layout = sort_photos(self._files() if self.is_archive else self._walk())
        self._rest = printable(layout.describe_rest())
        if not layout.names:
            rest = self._rest or "; it is empty"
            raise FileNotFoundError(f"'root' must hold photos (got '{root}', which holds none{rest})")
        self._paths = TextColumn.of(layout.names)
        self.parts: list[str] = layout.parts
        self.names: TextColumn = TextColumn.of(map(printable, self._paths))
        self._label(layout, classes, labels)

    def _label(self, layout: Layout, classes: bool, labels: Tensor | None) -> None:
        if labels is not None:
            self.take_labels(labels)
        else:
            named = [printable(label) if classes else "" for label in layout.labels]
            self.classes: list[str] = sorted(set(named) - {""})
            number = {"": UNLABELED} | {name: i for i, name in enumerate(self.classes)}
            self.labels: Tensor = torch.tensor([number[name] for name in named])

    def _walk(self) -> Iterator[str]:
        return (path.relative_to(self.root).as_posix() for path in walk_files(self.root))

    def _files(self) -> list[str]:
        return [info.filename for info in self._archive().infolist() if not info.is_dir()]

    def _archive(self) -> zipfile.ZipFile:
        """The archive, opened by the process that reads: processes would move each other's place in it."""
        if self._zip is None or self._zip[0] != os.getpid():
            self._zip = os.getpid(), open_archive(self.root, "photos")
        return self._zip[1]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_zip": None}

    def read(self, index: int) -> bytes | Path:
        """The path of a photo, or its contents in the archive.

        Raises:
            BrokenPhoto: If the archive does not give its contents.
        """
        path = self._paths[index]
        if not self.is_archive:
            return self.root / path
        try:
            return self._archive().read(path)
        except MemoryError:
            raise
        except Exception as error:  # zipfile raises errors of many types for damaged or encrypted parts
            raise BrokenPhoto(self.names[index], f"got {type(error).__name__}: {error}") from error

    def describe(self) -> str:
        """What was found, and what was passed over, in words."""
        known = len(self.classes)
        classes = f" of {known} class{'es' * (known != 1)}" if known else ""
        return f"{len(self)} photo{'s' * (len(self) != 1)}{classes} in '{self.root}'{self._rest}"

    def key(self) -> str:
        """A text that changes with the names, sizes and times of the files, and with the permission to read them."""
        digest = hashlib.sha256(str(self.root.resolve()).encode())
        sizes = (
            {info.filename: (info.file_size, info.CRC) for info in self._archive().infolist()}
            if self.is_archive
            else {}
        )
        for name, path in zip(self.names, self._paths):
            digest.update(f"\0{name}\0{sizes[path] if self.is_archive else self._stamp(path)}".encode())
        return digest.hexdigest()

    def place(self, index: int) -> tuple[Path, str]:
        """The file of a photo; or the archive, and its path there."""
        path = self._paths[index]
        return (self.root, path) if self.is_archive else (self.root / path, "")

    def _stamp(self, path: str) -> tuple[int, ...]:
        try:
            stat = os.stat(self.root / path)
        except OSError:  # a link to nowhere, which is a broken photo
            return -1, -1
        return stat.st_size, stat.st_mtime_ns, os.access(self.root / path, os.R_OK)
