"""A first look at all photos: which are broken, and what colors they have."""

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from torch import Tensor

from gnnclr.ops.atomic import write_text
from gnnclr.vision.colors import measured_colors
from gnnclr.vision.datasets.image_folder import cache_folder
from gnnclr.vision.photos.decode import MAX_PIXELS
from gnnclr.vision.photos.reader import read_squares
from gnnclr.vision.photos.source import PhotoSource
from gnnclr.vision.photos.square import CentralSquare

#: Counts up when photos are read or measured in another way, so that nothing is taken from an older look.
VERSION = 1


@dataclass
class Inspection:
    """What a look at all photos found.

    Args:
        broken (dict): The number of each photo that cannot be read, and why.
        mean (list[float]): The mean of each channel over the pixels of all central squares, in [0, 1].
        std (list[float]): Their deviation.
    """

    broken: dict[int, str]
    mean: list[float]
    std: list[float]


def inspect_photos(
    source: PhotoSource, square: CentralSquare, workers: int = 0, max_pixels: int = MAX_PIXELS
) -> Inspection:
    """Decodes every photo once, to its end. What is found is kept in the cache folder for as long as the files are the
    same; sums are of integers, so it does not depend on who reads.

    Args:
        source (PhotoSource): The source.
        square (CentralSquare): The pixels that are measured.
        workers (int, optional): The number of processes that read. (default: ``0``, this one)
        max_pixels (int, optional): The most pixels that are decoded. (default: ``100_000_000``)

    Raises:
        PhotoTooLarge: If a photo has more pixels.
    """
    own = source.key()
    path = None
    if own is not None:
        key = json.dumps([own, repr(square), max_pixels, VERSION])
        path = cache_folder() / f"photos-{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"
        if path.is_file():
            try:
                kept = json.loads(path.read_text(encoding="utf-8"))
                return Inspection({int(i): reason for i, reason in kept["broken"].items()}, kept["mean"], kept["std"])
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                print(f"gnnclr: the cache '{path}' is damaged and made anew ({error})", file=sys.stderr)
    found = _look(source, square, workers, max_pixels)
    if path is not None:
        write_text(path, json.dumps(asdict(found)))
    return found


def _look(source: PhotoSource, square: CentralSquare, workers: int, max_pixels: int) -> Inspection:
    broken: dict[int, str] = {}

    def squares() -> Iterator[Tensor]:
        for read in read_squares(source, square, workers=workers, max_pixels=max_pixels, title="looking at all photos"):
            broken.update(read.broken)
            if len(read.index):
                yield read.images

    return Inspection(broken, *measured_colors(squares()))
