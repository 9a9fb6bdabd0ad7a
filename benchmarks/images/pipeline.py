"""From files of photos to SimCLR's views: images a second on one core and with two workers, and memory by their number.

    python -m benchmarks.images.pipeline
    python -m benchmarks.images.pipeline --sizes 224 --workers 0 --counts  # one core alone, without memory

Photos are JPEGs of five sizes around 500×400, of about 57 kB, made by a seed. Every pipeline decodes a file and makes
two views of it: a random resized crop, a flip, jitter of .4/.4/.4/.1 at p = .8, grayscale at p = .2, at 224 pixels blur
at p = .5, normalization. On one core seconds are those of the processor, so that other work on the machine counts
little; pipelines take turns. With two workers they are those of the clock. Peers that are not installed are left out.

Memory is the largest that a process takes, over the libraries that it has loaded, to list photos, look at each, and
take 20 batches of an epoch. Those are 300 different JPEGs of 32×32 pixels: a folder has links to them, shards copies.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from benchmarks.common import add_out
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.common.memory import watch_peak
from benchmarks.pages import publish
from benchmarks.pages.pipeline import memory_records, pipeline_records
from gnnclr.vision import BatchViews, PhotoCrops, PhotoFolder
from gnnclr.vision.photos.loader import PhotoLoader
from gnnclr.vision.photos.reader import PhotoReader
from gnnclr.vision.transforms.normalize import CIFAR_MEAN, CIFAR_STD

PACKAGES = ("torch", "torchvision", "pillow", "simplejpeg", "lightly")
SHAPES = ((375, 500), (500, 375), (333, 500), (480, 640), (400, 400))
BATCH = 64
#: The batches that workers read, of which the first are for warming up.
BATCHES, WARM = 16, 4
#: The different photos of the listing.
DIFFERENT = 300
SHARDS = 10
Run = Callable[[], Any]


def picture(height: int, width: int, seed: int) -> Image.Image:
    """Colored noise with the spectrum of photos."""
    generator = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1

    def noise() -> np.ndarray:
        waves = generator.normal(size=frequency.shape) + 1j * generator.normal(size=frequency.shape)
        return np.fft.irfft2(waves / frequency**1.5, s=(height, width))

    base = noise()
    channels = [base + noise() / 2 for _ in range(3)]
    pixels = np.stack([channel / channel.std() for channel in channels], axis=2) * 55 + 118
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def write_photos(folder: Path, count: int) -> None:
    """Photos of several sizes."""
    folder.mkdir()
    for i in range(count):
        picture(*SHAPES[i % len(SHAPES)], i).save(folder / f"{i:05d}.jpg", quality=90)


def reader_of(folder: Path, views: BatchViews) -> PhotoReader:
    return PhotoReader(PhotoFolder(folder), PhotoCrops.of_kinds(views.photo_crops))


class PerImage(Dataset[Any]):
    """Two views of a file by a transform of one image."""

    def __init__(self, folder: Path, transform: Callable[[Image.Image], Any]) -> None:
        self.files, self.transform = sorted(folder.iterdir()), transform

    def __len__(self) -> int:
        return BATCH * BATCHES

    def __getitem__(self, index: int) -> Any:
        with Image.open(self.files[index % len(self.files)]) as image:
            return self.transform(image.convert("RGB"))


def torchvision_peer(folder: Path, size: int) -> PerImage:
    blur = [v2.RandomApply([v2.GaussianBlur(size // 20 * 2 + 1, (0.1, 2.0))], p=0.5)] if size > 32 else []
    one = v2.Compose(
        [
            v2.ToImage(),
            v2.RandomResizedCrop(size, scale=(0.2, 1.0), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            v2.RandomGrayscale(0.2),
            *blur,
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(CIFAR_MEAN, CIFAR_STD),
        ]
    )
    return PerImage(folder, lambda image: [one(image), one(image)])


def lightly_peer(folder: Path, size: int) -> PerImage:
    from lightly.transforms import SimCLRTransform

    colors = {"cj_bright": 0.4, "cj_contrast": 0.4, "cj_sat": 0.4, "cj_hue": 0.1, "cj_strength": 1.0}
    normalize = {"mean": list(CIFAR_MEAN), "std": list(CIFAR_STD)}
    blur = 0.5 if size > 32 else 0.0
    made = SimCLRTransform(input_size=size, min_scale=0.2, gaussian_blur=blur, normalize=normalize, **colors)
    return PerImage(folder, made)


PEERS: dict[str, Callable[[Path, int], PerImage]] = {
    "torchvision v2, per image": torchvision_peer,
    "lightly, per image": lightly_peer,
}


def one_core(folder: Path, size: int) -> Iterator[tuple[str, Run]]:
    """What each pipeline does with a batch of photos."""
    places = torch.arange(BATCH).tolist()
    made = {}
    for hue in ("hsv", "yiq"):
        views = BatchViews(size, blur_p=0.5 if size > 32 else 0.0, hue=hue)
        reader = reader_of(folder, views)

        def read(reader: PhotoReader = reader) -> torch.Tensor:
            return torch.stack([reader[0, i][1] for i in places])

        made[hue] = read()
        if hue == "hsv":
            yield "gnnclr: decode and crop, what a worker does", read
        yield f"gnnclr: colors and blur in batches, hue='{hue}'", lambda v=views, h=hue: v(made[h])
        yield f"gnnclr, in all, hue='{hue}'", lambda v=views, r=read: v(r())
    for name, make in PEERS.items():
        try:
            peer = make(folder, size)
        except ImportError as error:
            print(f"{name}: left out ({error})")
            continue
        yield name, lambda p=peer: [torch.stack(view) for view in zip(*(p[i] for i in places))]


def seconds_of(run: Run) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def two_workers(folder: Path, size: int) -> Iterator[tuple[str, Callable[[], Iterator[Any]]]]:
    """Batches as two workers deliver them; views of gnnclr are finished by the process that trains."""
    views = BatchViews(size, blur_p=0.5 if size > 32 else 0.0)
    reader = reader_of(folder, views)
    rows = torch.arange(BATCH * BATCHES) % len(reader.source)

    def ours(finish: Callable[[torch.Tensor], Any]) -> Iterator[Any]:
        loader = PhotoLoader(reader, rows, batch_size=BATCH, workers=2)
        yield from (finish(batch["image"]) for batch in loader)
        loader.close()

    yield "gnnclr: decode and crop, what a worker does", lambda: ours(lambda images: images)
    yield "gnnclr, in all, hue='hsv'", lambda: ours(views)
    for name, make in PEERS.items():
        try:
            peer = make(folder, size)
        except ImportError:
            continue
        yield name, lambda p=peer: iter(DataLoader(p, BATCH, num_workers=2, worker_init_fn=_one_thread))


def _one_thread(worker: int) -> None:
    torch.set_num_threads(1)


def clock(make: Callable[[], Iterator[Any]]) -> float:
    """Images a second after the first batches."""
    batches = make()
    for _ in range(WARM):
        next(batches)
    start = time.perf_counter()
    taken = sum(1 for _ in batches)
    return taken * BATCH / (time.perf_counter() - start)


def on_one_core(folder: Path, size: int, turns: int) -> dict[str, float]:
    """Milliseconds of the processor for an image, by pipeline: the median of turns, after one for warming up."""
    runs = dict(one_core(folder, size))
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(turns + 1):
        for name, run in runs.items():
            torch.manual_seed(turn)
            found = seconds_of(run)
            if turn:
                seconds[name].append(found)
    return {name: 1000 * statistics.median(found) / BATCH for name, found in seconds.items()}


def with_two_workers(folder: Path, size: int, turns: int) -> dict[str, float]:
    """Milliseconds of the clock for an image, by pipeline: the median of turns."""
    rates: dict[str, list[float]] = {}
    for _ in range(turns):
        for name, make in two_workers(folder, size):
            rates.setdefault(name, []).append(clock(make))
    return {name: 1000 / statistics.median(found) for name, found in rates.items()}


def measure(args: argparse.Namespace, folder: Path, env: dict[str, str]) -> None:
    records = pipeline_records(args.out)
    for size in args.sizes:
        for workers in args.workers:
            found = (with_two_workers if workers else on_one_core)(folder, size, args.turns)
            about = {"size": size, "workers": workers, "turns": args.turns} | env
            records.put({"pipeline": name, "ms": ms} | about for name, ms in found.items())
            for name, ms in found.items():
                print(f"{size} px, {workers} workers, {name}: {1000 / ms:,.0f} images/s", flush=True)


def write_many(folder: Path, source: str, count: int) -> None:
    """A folder of links, or shards, of few different small photos."""
    originals = folder.parent / "small"
    if not originals.exists():
        originals.mkdir()
        for i in range(DIFFERENT):
            picture(32, 32, i).save(originals / f"{i}.jpg", quality=90)
    folder.mkdir()
    if source == "folder":
        for i in range(count):
            os.link(originals / f"{i % DIFFERENT}.jpg", folder / f"{i:07d}.jpg")
        return
    for shard in range(SHARDS):
        with tarfile.open(folder / f"{shard:03d}.tar", "w") as archive:
            for i in range(shard * count // SHARDS, (shard + 1) * count // SHARDS):
                info, path = tarfile.TarInfo(f"{i:07d}.jpg"), originals / f"{i % DIFFERENT}.jpg"
                info.size = path.stat().st_size
                with path.open("rb") as file:
                    archive.addfile(info, file)


def take_batches(root: str) -> float:
    """The largest memory in MB that it takes to list photos, to look at each and to take 20 batches."""
    from gnnclr.train import PhotoData
    from gnnclr.vision import SimCLR, SlimResNet

    torch.set_num_threads(1)
    peak = watch_peak(torch.device("cpu"))
    method = SimCLR(SlimResNet((8, 16)), torch.nn.Identity(), BatchViews(32))
    data = PhotoData(root, size=32, batch_size=BATCH, workers=0)
    data.setup("fit")
    data.check(method)
    for _, batch in zip(range(20), data.batches()):
        method.views(batch["image"])
    return peak() or float("nan")


def measure_memory(args: argparse.Namespace, scratch: Path, env: dict[str, str]) -> None:
    records = memory_records(args.out)
    for source in ("folder", "shards"):
        for count in args.counts:
            folder = scratch / f"{source}-{count}"
            write_many(folder, source, count)
            command = [sys.executable, "-m", "benchmarks.images.pipeline", "--take", str(folder)]
            apart = os.environ | {"GNNCLR_CACHE": str(scratch / f"cache-{source}-{count}")}
            start = time.perf_counter()
            done = subprocess.run(command, env=apart, check=True, stdout=subprocess.PIPE, text=True)
            peak = float(done.stdout.split()[-1])
            records.put([{"source": source, "photos": count, "MB": peak} | env])
            print(f"{source}, {count:,} photos: {peak:,.0f} MB, {time.perf_counter() - start:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[224, 32], help="height and width of views")
    parser.add_argument("--photos", type=int, default=192, help="photos of several sizes")
    what = "0 is one core, and 2 are two workers beside it"
    parser.add_argument("--workers", type=int, nargs="*", choices=(0, 2), default=[0, 2], help=what)
    parser.add_argument("--turns", type=int, default=5, help="turns of each pipeline")
    parser.add_argument("--counts", type=int, nargs="*", default=[1000, 10_000, 100_000], help="photos in memory")
    parser.add_argument("--take", metavar="ROOT", help=argparse.SUPPRESS)
    add_out(parser)
    args = parser.parse_args()
    if args.take is not None:
        print(take_batches(args.take))
        return

    torch.set_num_threads(1)
    env = environment(1, packages=PACKAGES)
    with tempfile.TemporaryDirectory() as scratch:
        if args.sizes:
            write_photos(Path(scratch, "photos"), max(args.photos, BATCH))
            measure(args, Path(scratch, "photos"), env)
        if args.counts:
            measure_memory(args, Path(scratch), env)
    for result, wanted in {"pipeline": args.sizes, "pipeline_memory": args.counts}.items():
        if wanted:
            note_origin(args.out, result, ["benchmarks.images.pipeline", *words_of(sys.argv[1:])], env)
    print(publish("pipeline", args.out))


if __name__ == "__main__":
    main()
