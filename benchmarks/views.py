"""SimCLR views of 32×32 images per second on one core, beside torchvision and lightly.

    python -m benchmarks.views
    python -m benchmarks.views --seconds 10 --batch 512

Every pipeline makes the same views, at the settings that BatchViews has by default: a random resized crop, a flip,
color jitter, grayscale, normalization. All start from images in memory: a uint8 tensor for gnnclr and torchvision, PIL
images for lightly, which takes nothing else. Peers that are not installed are left out.
"""

import argparse
import inspect
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import to_pil_image

from benchmarks.common import add_out
from benchmarks.common.lightly_views import lightly_views
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.pages import publish
from benchmarks.pages.views import views_records
from gnnclr.vision import BatchViews

PACKAGES = ("torch", "torchvision", "lightly")
#: The arguments of BatchViews, all but the size at their defaults.
SETTINGS: dict[str, Any] = {name: p.default for name, p in inspect.signature(BatchViews).parameters.items()}
SETTINGS["size"] = 32


def batch_views(images: torch.Tensor, hue: str) -> Callable[[], int]:
    views = BatchViews(**SETTINGS | {"hue": hue})
    return lambda: sum(len(view) for view in views(images))


def torchvision_views(images: torch.Tensor) -> Callable[[], int]:
    transform = v2.Compose(
        [
            v2.RandomResizedCrop(SETTINGS["size"], SETTINGS["scale"], SETTINGS["ratio"], antialias=True),
            v2.RandomHorizontalFlip(SETTINGS["flip"]),
            v2.RandomApply([v2.ColorJitter(*SETTINGS["jitter"])], SETTINGS["jitter_p"]),
            v2.RandomGrayscale(SETTINGS["grayscale_p"]),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(SETTINGS["mean"], SETTINGS["std"]),
        ]
    )
    return lambda: len(torch.stack([transform(image) for _ in range(2) for image in images]))


def per_picture(images: torch.Tensor) -> Callable[[], int]:
    transform = lightly_views(SETTINGS)
    pictures = [to_pil_image(image) for image in images]

    def run() -> int:
        pairs = [transform(picture) for picture in pictures]
        return sum(len(torch.stack(view)) for view in zip(*pairs))

    return run


PIPELINES: dict[str, Callable[[torch.Tensor], Callable[[], int]]] = {
    "gnnclr, hue='yiq' (one color matrix)": lambda images: batch_views(images, "yiq"),
    "gnnclr, hue='hsv' (exact, default)": lambda images: batch_views(images, "hsv"),
    "torchvision v2, per image": torchvision_views,
    "lightly, per PIL image": per_picture,
}


def measure(run: Callable[[], int], seconds: float) -> dict[str, float]:
    """Views a second over repeated batches: the median, the best, and how many batches there were."""
    run()
    rates, end = [], time.perf_counter() + seconds
    while len(rates) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        made = run()
        rates.append(made / (time.perf_counter() - start))
    return {"views_per_second": statistics.median(rates), "best": max(rates), "batches": len(rates)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=512, help="images in a batch")
    parser.add_argument("--seconds", type=float, default=5.0, help="time for each pipeline")
    add_out(parser)
    args = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(0)
    images = torch.randint(0, 256, (args.batch, 3, 32, 32), dtype=torch.uint8)
    rows = []
    for name, make in PIPELINES.items():
        try:
            run = make(images)
        except ImportError as error:
            print(f"{name}: left out ({error})")
            continue
        rows.append({"pipeline": name, "batch": args.batch} | measure(run, args.seconds))
        print(f"{name}: {rows[-1]['views_per_second']:,.0f} views/s")

    env = environment(1, packages=PACKAGES)
    views_records(args.out).write(row | env for row in rows)
    note_origin(args.out, "views", ["benchmarks.views", *words_of(sys.argv[1:])], env)
    print(publish("views", args.out))


if __name__ == "__main__":
    main()
