"""Zip files of images."""

import struct
import zipfile
from pathlib import Path


def open_archive(root: Path, noun: str = "images") -> zipfile.ZipFile:
    """Opens a zip file.

    Args:
        root (Path): The file.
        noun (str, optional): What it must be of, for the message. (default: ``"images"``)

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no zip file, or a damaged one.
    """
    try:
        return zipfile.ZipFile(root)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise ValueError(f"'root' must be a folder or a zip file of {noun} (got '{root}': {error})") from error
