"""The source of photos that a path stands for."""

from pathlib import Path

from gnnclr.vision.photos.folder import PhotoFolder
from gnnclr.vision.photos.shard_files import is_shards
from gnnclr.vision.photos.shards import PhotoShards
from gnnclr.vision.photos.source import PhotoSource


def open_photos(root: str | Path, classes: bool = True) -> PhotoSource:
    """The photos of a folder, a zip file, or shards.

    Args:
        root (str or Path): A folder or a zip file of photos (:class:`PhotoFolder`), or tar files
            (:class:`PhotoShards`): a folder of them, one, or a pattern such as ``photos-{000..012}.tar``.
        classes (bool, optional): Take folders, or the labels in shards, for classes. (default: ``True``)

    Raises:
        FileNotFoundError: If there are no photos.
        ValueError: If an archive is damaged.
    """
    return PhotoShards(root, classes) if is_shards(root) else PhotoFolder(root, classes)
