"""SimCLR views of 32×32 images per second on one core, beside torchvision and lightly.

    python benchmarks/views.py                        # to benchmarks/results/views.{csv,md,png}
    python benchmarks/views.py --seconds 10 --batch 512

Every pipeline makes the same views: a random resized crop, a flip, jitter of .4/.4/.4/.1 at p = .8, grayscale at
p = .2, normalisation. All start from images in memory: a uint8 tensor for gnnclr and torchvision, PIL images for
lightly, which takes nothing else. Peers that are not installed are left out.
"""

import argparse
import csv
import datetime
import importlib.metadata
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import to_pil_image

from gnnclr.vision import BatchViews
from gnnclr.vision.normalize import CIFAR_MEAN, CIFAR_STD

RESULTS = Path(__file__).parent / "results"


def batch_views(images: torch.Tensor, hue: str) -> Callable[[], int]:
    views = BatchViews(32, hue=hue)
    return lambda: sum(len(view) for view in views(images))


def torchvision_views(images: torch.Tensor) -> Callable[[], int]:
    transform = v2.Compose(
        [
            v2.RandomResizedCrop(32, scale=(0.2, 1.0), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
            v2.RandomGrayscale(0.2),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(CIFAR_MEAN, CIFAR_STD),
        ]
    )
    return lambda: len(torch.stack([transform(image) for _ in range(2) for image in images]))


def lightly_views(images: torch.Tensor) -> Callable[[], int]:
    from lightly.transforms import SimCLRTransform

    transform = SimCLRTransform(
        input_size=32,
        cj_bright=0.4,
        cj_contrast=0.4,
        cj_sat=0.4,
        cj_hue=0.1,
        min_scale=0.2,
        gaussian_blur=0.0,
        normalize={"mean": list(CIFAR_MEAN), "std": list(CIFAR_STD)},
    )
    pictures = [to_pil_image(image) for image in images]

    def run() -> int:
        pairs = [transform(picture) for picture in pictures]
        return sum(len(torch.stack(view)) for view in zip(*pairs))

    return run


PIPELINES: dict[str, Callable[[torch.Tensor], Callable[[], int]]] = {
    "gnnclr, hue='yiq' (one colour matrix)": lambda images: batch_views(images, "yiq"),
    "gnnclr, hue='hsv' (exact, default)": lambda images: batch_views(images, "hsv"),
    "torchvision v2, per image": torchvision_views,
    "lightly, per PIL image": lightly_views,
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


def environment() -> dict[str, str]:
    versions = {}
    for package in ("torch", "torchvision", "lightly"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].split(":")[1].strip() if names else cpu
    return {
        "cpu": cpu,
        "threads": "1",
        "python": platform.python_version(),
        "date": str(datetime.date.today()),
    } | versions


def markdown(rows: list[dict], env: dict[str, str]) -> str:
    slowest = min(row["views_per_second"] for row in rows)
    lines = [
        "# SimCLR views of 32×32 images",
        "",
        f"Batches of {rows[0]['batch']} images, two views each; {', '.join(f'{k} {v}' for k, v in env.items())}.",
        "",
        "| pipeline | views/s, median | best batch | × slowest |",
        "| --- | ---: | ---: | ---: |",
    ]
    for row in rows:
        ratio = row["views_per_second"] / slowest
        lines.append(f"| {row['pipeline']} | {row['views_per_second']:,.0f} | {row['best']:,.0f} | {ratio:.1f} |")
    return "\n".join(lines) + "\n"


def plot(rows: list[dict], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.6 + 0.5 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    names, rates = [row["pipeline"] for row in rows][::-1], [row["views_per_second"] for row in rows][::-1]
    colors = ["#3b6ea8" if name.startswith("gnnclr") else "#b0b7c0" for name in names]
    axes.bar_label(axes.barh(names, rates, color=colors), fmt="{:,.0f}", padding=3)
    axes.set_xlabel("views per second, one core")
    axes.set_xlim(0, 1.15 * max(rates))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=512, help="images in a batch")
    parser.add_argument("--seconds", type=float, default=5.0, help="time for each pipeline")
    parser.add_argument("--output", type=Path, default=RESULTS)
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

    env = environment()
    args.output.mkdir(parents=True, exist_ok=True)
    with open(args.output / "views.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], *env])
        writer.writeheader()
        writer.writerows(row | env for row in rows)
    (args.output / "views.md").write_text(markdown(rows, env))
    plot(rows, args.output / "views.png")


if __name__ == "__main__":
    main()
