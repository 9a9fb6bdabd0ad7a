"""A texture for each image of a data set, made once and kept."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gnnclr.ops.check import check_seed, describe
from gnnclr.ops.notice import notice
from gnnclr.ops.paths import expand_path
from gnnclr.vision.datasets.array_cache import cached_array
from gnnclr.vision.datasets.image_folder import cache_folder
from gnnclr.vision.datasets.mapped_array import MappedArray
from gnnclr.vision.photos.contents import contents_key
from gnnclr.vision.photos.decode import MAX_PIXELS, BrokenPhoto
from gnnclr.vision.photos.progress import progress
from gnnclr.vision.photos.reader import read_squares
from gnnclr.vision.photos.source import PhotoSource
from gnnclr.vision.photos.square import CentralSquare
from gnnclr.vision.transforms.quilting import ImageQuilting
from gnnclr.vision.transforms.transform import BatchTransform
from gnnclr.vision.transforms.views import to_float

#: Counts up when textures are made or kept in another way, so that none is taken from an older cache.
MAKING = 1
#: Images of a file, and of 32×32 in a batch that is made at a time.
PART, BATCH = 1024, 128


class Textures:
    """Makes a texture of each image of a data set once, and keeps them in files.

    A texture is a function of the seed and of its image: not of its place among the others, of the number of threads,
    or of a stop in between. A file holds those of 1,024 images; whoever is stopped goes on with the first file that is
    missing. The name of the files is a hash of images, transform and seed.

    Those of photos are made of what an encoder sees of each where nothing is random, its central square, and stay in
    one file, of which what a batch needs is read; its name is a hash of the contents of their files in place of images.
    So the same photos are found again in another place, and a photo of other contents is another one. Contents are read
    once: their hashes are kept beside the textures, in ``contents.npy``, while path, size and times of a file are the
    same.

    Args:
        transform (BatchTransform, optional): Makes the textures; its values are kept in eight bits. (default:
            ``ImageQuilting()``)
        seed (int, optional): The seed. (default: ``0``)
        cache (str, optional): The folder of the files. (default: ``textures`` in ``$GNNCLR_CACHE``, or in ``gnnclr`` in
            the user's cache folder)
    """

    def __init__(self, transform: BatchTransform | None = None, seed: int = 0, cache: str | None = None):
        self.transform: ImageQuilting | BatchTransform = ImageQuilting() if transform is None else transform
        if not isinstance(self.transform, BatchTransform):
            raise ValueError(f"'transform' must be a BatchTransform, such as ImageQuilting (got {describe(transform)})")
        self.seed: int = check_seed("seed", seed)
        self.cache: str | None = None if cache is None else str(expand_path(cache))

    def of_images(self, images: Tensor) -> Tensor:
        """The textures ``uint8`` [n, c, h, w].

        Args:
            images (Tensor): The images ``uint8`` [n, c, h, w].
        """
        if images.dtype != torch.uint8 or images.dim() != 4:
            raise ValueError(f"'images' must be uint8 of shape [n, c, h, w] (got {describe(images)})")
        if len(images) == 0:
            return images
        parts = images.split(PART)
        paths = [self.folder / f"{self._name(images)}-{k:04d}.npz" for k in range(len(parts))]
        start, missing = time.perf_counter(), sum(len(part) for part, path in zip(parts, paths) if not path.exists())
        made = []
        with progress("textures" if missing else None, missing, unit="image") as advance:
            for part, path in zip(parts, paths):
                make = partial(self._made, part, advance)
                made.append(torch.from_numpy(cached_array(path, lambda make=make: make().numpy(), tuple(part.shape))))
        if missing:
            self._say(missing, start)
        return torch.cat(made)

    def of_photos(
        self,
        source: PhotoSource,
        square: CentralSquare,
        index: Tensor,
        workers: int = 0,
        max_pixels: int = MAX_PIXELS,
    ) -> Tensor:
        """The textures ``uint8`` [k, c, S, S] of photos, mapped into memory: rows that are taken are read.

        Args:
            source (PhotoSource): The photos.
            square (CentralSquare): What a texture is made of.
            index (Tensor): The numbers of the photos [k].
            workers (int, optional): The number of processes that read. (default: ``0``, this one)
            max_pixels (int, optional): The most pixels that are decoded. (default: ``100_000_000``)

        Raises:
            ValueError: If a photo cannot be read any more.
        """
        read = partial(_squares, source, square, workers=workers, max_pixels=max_pixels)
        try:
            key = contents_key(source, index.tolist(), self.folder / "contents.npy", max(1, workers))
        except BrokenPhoto as error:
            raise _changed(error.name, error.reason) from error
        shape = (len(index), square.channels, square.size, square.size)
        about = [*self._about(shape), repr(square), key or _hash_of(read(index))]
        name = hashlib.sha256(json.dumps(about, default=repr).encode()).hexdigest()[:16]
        array = MappedArray(self.folder / f"photos-{name}.npy", shape)
        start, missing = time.perf_counter(), len(index) - array.rows
        with progress("textures" if missing else None, missing) as advance:
            array.make(lambda first: (self._made(part, advance).numpy() for part in read(index[first:])))
        if missing:
            self._say(missing, start)
        return torch.from_numpy(array.open())

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return cache_folder() / "textures" if self.cache is None else Path(self.cache)

    def _say(self, count: int, start: float) -> None:
        notice(f"{count} textures made in {time.perf_counter() - start:.0f} s, which stay in '{self.folder}'")

    def _about(self, shape: Sequence[int]) -> list[Any]:
        """All that textures depend on beside their images."""
        hidden = ("training", "_")
        settings = {k: v for k, v in vars(self.transform).items() if not k.startswith(hidden)}
        return [MAKING, type(self.transform).__qualname__, sorted(settings.items()), self.seed, list(shape)]

    def _name(self, images: Tensor) -> str:
        found = hashlib.sha256(json.dumps(self._about(images.shape), default=repr).encode())
        found.update(images.contiguous().numpy())
        return found.hexdigest()[:16]

    def _made(self, images: Tensor, advance: Callable[[int], object]) -> Tensor:
        def make(batch: Tensor) -> Tensor:
            with torch.no_grad():
                out = self.transform(to_float(batch), self._params(batch))
            advance(len(batch))
            return out.mul(255).round_().clamp_(0, 255).to(torch.uint8)

        batch, threads = _at_once(images.shape)
        with ThreadPoolExecutor(threads) as pool:
            return torch.cat(list(pool.map(make, images.split(batch))))

    def _params(self, images: Tensor) -> dict[str, Tensor]:
        """Random numbers of each image by a generator of its own."""
        drawn = []
        for image in images:
            found = hashlib.sha256(f"{self.seed} {list(image.shape)} ".encode())
            found.update(image.contiguous().numpy())
            generator = torch.Generator().manual_seed(int.from_bytes(found.digest()[:8], "little") >> 1)
            drawn.append(self.transform.sample((1, *image.shape), generator))
        return {name: torch.cat([params[name] for params in drawn]) for name in drawn[0]}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.transform}, seed={self.seed})"


def _at_once(shape: Sequence[int]) -> tuple[int, int]:
    """The images of a batch, and the threads that make batches at the same time. What quilting holds of an image grows
    with the square of its pixels: it compares all places of a source, block by block."""
    larger = (shape[-2] * shape[-1] / 1024) ** 2
    images = max(BATCH / larger, 1 / torch.get_num_threads())
    return max(1, min(BATCH, int(images))), max(1, min(torch.get_num_threads(), int(images * torch.get_num_threads())))


def _squares(
    source: PhotoSource, square: CentralSquare, index: Tensor, workers: int, max_pixels: int
) -> Iterator[Tensor]:
    for read in read_squares(source, square, index, workers, max_pixels):
        for i, reason in read.broken:
            raise _changed(source.names[i], reason)
        yield read.images


def _changed(name: str, reason: str) -> ValueError:
    return ValueError(f"'{name}' must stay as it was when the run began ({reason})")


def _hash_of(parts: Iterable[Tensor]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part.contiguous().numpy())
    return found.hexdigest()
