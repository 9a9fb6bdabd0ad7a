"""SimCLR of gnnclr and of lightly on CIFAR-10: the same encoder, images and seconds, and accuracy over time.

    python -m benchmarks.images.beside_lightly --root PATH
    python -m benchmarks.images.beside_lightly --minutes 2 --seeds 1 --out /tmp/try

PATH is what ``gnnclr.vision.cifar10`` reads. Both train the encoder of ``simclr-cifar10-cpu`` on the 50,000 training
images with its temperature, batch, optimizer and views: ours by the method of the recipe, lightly's by its transform,
projection head and loss, and a DataLoader. Threads, and lightly's workers, are those of the fastest steps. The cosine
of the learning rate ends when the minutes do, which are those of training alone. At some of them features are probed:
probes fit on 10,000 training images, choose on 2,000 validation images, and are judged on the 10,000 test images. A
finished run is lines of beside_lightly.csv, and is not repeated.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jsonargparse import Namespace
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2.functional import to_pil_image

from benchmarks.common import add_out, add_root, add_seeds
from benchmarks.common.lightly_views import lightly_views
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.images.probing import Probing
from benchmarks.pages import publish
from benchmarks.pages.beside_lightly import beside_lightly_records
from gnnclr.eval import linear_probe
from gnnclr.train import Run, parameter_groups, parse_recipe
from gnnclr.vision import cifar10

RECIPE = "simclr-cifar10-cpu"
#: Threads of torch, and workers of lightly's loader, that are tried.
SETTINGS = {"gnnclr": [(1, 0), (2, 0)], "lightly": [(1, 1), (1, 2), (2, 1), (2, 2)]}
#: Shares of the minutes at which features are probed.
MARKS = (1 / 12, 1 / 6, 1 / 3, 2 / 3, 1.0)
#: Steps that are timed to choose settings.
TIMED = 6


@dataclass
class Side:
    """One of the two.

    Args:
        module (torch.nn.Module): What is trained.
        optimizer (torch.optim.Optimizer): What trains it.
        warmup (int): Steps over which the learning rate rises.
        loss (callable): The loss of a batch.
        batches (callable): Endless batches.
        features (callable): The features of images.
    """

    module: nn.Module
    optimizer: torch.optim.Optimizer
    warmup: int
    loss: Callable[[object], Tensor]
    batches: Callable[[], Iterator]
    features: Callable[[Tensor], Tensor]


def build(root: str, seed: int) -> tuple[Namespace, dict[str, Any]]:
    """The parts of the recipe, and the settings of its views."""
    run = Run(parse_recipe(RECIPE, [f"--data.root={root}", f"--seed_everything={seed}"]), "runs")
    built = run.build()
    return built, vars(run.recipe.model.method.init_args.views.init_args)


def endless(loader: Iterable) -> Iterator:
    """Batches of one epoch after the other."""
    while True:
        yield from loader


def gnnclr_side(root: str, seed: int, workers: int) -> Side:
    """The method and the batches of the recipe, whose views this process makes."""
    built, _ = build(root, seed)
    built.data.setup("fit")
    method, loader = built.model.method, built.data.batches()
    optimizer = built.model.optimizer(parameter_groups(method))
    return Side(
        method,
        optimizer,
        built.model.warmup_steps,
        lambda batch: method.training_step_loss(batch)[0],
        lambda: endless(loader),
        method,
    )


class Pictures(Dataset):
    """PIL images, as torchvision's CIFAR-10 has them."""

    def __init__(self, images: Tensor, transform: Callable):
        self.images, self.transform = images, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> list[Tensor]:
        return self.transform(to_pil_image(self.images[i]))


def lightly_side(root: str, seed: int, workers: int) -> Side:
    """The transform, the head and the loss of lightly around the encoder of the recipe, at its settings."""
    from lightly.loss import NTXentLoss
    from lightly.models.modules import SimCLRProjectionHead

    built, views = build(root, seed)
    method, transform = built.model.method, lightly_views(views)
    encoder = method.encoder
    layers = [layer for layer in method.projector.modules() if isinstance(layer, nn.Linear)]
    head = SimCLRProjectionHead(layers[0].in_features, layers[0].out_features, layers[-1].out_features)
    loss, module = NTXentLoss(float(method.loss.temperature)), nn.ModuleList([encoder, head])
    options = {"shuffle": True, "drop_last": True, "num_workers": workers, "persistent_workers": workers > 0}
    loader = DataLoader(Pictures(cifar10(root).unlabeled, transform), built.data.batch_size, **options)
    mean, std = (torch.tensor(views[name]).view(3, 1, 1) for name in ("mean", "std"))

    def of_batch(views: list[Tensor]) -> Tensor:
        return loss(*(head(encoder(view)) for view in views))

    def features(images: Tensor) -> Tensor:
        return encoder((images.float() / 255 - mean) / std)

    optimizer = built.model.optimizer(parameter_groups(module))
    return Side(module, optimizer, built.model.warmup_steps, of_batch, lambda: endless(loader), features)


SIDES: dict[str, Callable[[str, int, int], Side]] = {"gnnclr": gnnclr_side, "lightly": lightly_side}


def train(
    side: Side, seconds: float, marks: list[float], at_mark: Callable[[float, int], None], steps: int | None = None
) -> float:
    """Trains for some seconds, or steps, and calls ``at_mark`` with the seconds and steps so far, which takes none of
    them; returns the seconds."""
    optimizer, spent, marks = side.optimizer, 0.0, list(marks)
    full, start = [group["lr"] for group in optimizer.param_groups], time.perf_counter()
    for done, batch in enumerate(side.batches(), start=1):
        share = min(spent / seconds, 1.0)
        for group, lr in zip(optimizer.param_groups, full):
            group["lr"] = lr * min(1.0, done / side.warmup) * (1 + math.cos(math.pi * share)) / 2
        loss = side.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        spent += time.perf_counter() - start
        while marks and spent >= marks[0] * seconds:
            at_mark(marks.pop(0), done)
        if done == steps or (not marks and steps is None):
            break
        start = time.perf_counter()
    return spent


def fastest(name: str, root: str) -> tuple[int, int]:
    """Threads and workers of the fastest steps."""
    costs = {}
    for threads, workers in SETTINGS[name]:
        torch.set_num_threads(threads)
        side = SIDES[name](root, 0, workers)
        train(side, 1e9, [1.0], lambda *_: None, steps=2)
        costs[threads, workers] = train(side, 1e9, [1.0], lambda *_: None, steps=TIMED)
        print(f"{name}, {threads} threads, {workers} workers: {costs[threads, workers] / TIMED:.2f} s", file=sys.stderr)
    return min(costs, key=costs.__getitem__)


def run(name: str, seed: int, args: argparse.Namespace, probing: Probing, best: tuple[int, int]) -> list[dict]:
    """A line for each mark."""
    torch.set_num_threads(best[0])
    side, rows = SIDES[name](args.root, seed, best[1]), []

    @torch.no_grad()
    def at_mark(share: float, steps: int) -> None:
        side.module.eval()
        x = torch.cat([side.features(chunk).float() for chunk in probing.images.split(500)])
        side.module.train()
        scores = probing.scores(x, partial(linear_probe, tol=1e-4))
        rows.append({"side": name, "seed": seed, "minutes": share * args.minutes, "steps": steps} | scores)
        print(f"{name}, seed {seed}, {share * args.minutes:.1f} minutes: {scores['linear']:.3f}", file=sys.stderr)

    side.module.train()
    train(side, 60 * args.minutes, list(MARKS), at_mark)
    settings = {"budget": args.minutes, "threads": best[0], "workers": best[1]}
    return [row | settings for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_root(parser)
    parser.add_argument("--minutes", type=float, default=12.0)
    add_seeds(parser, 3)
    add_out(parser)
    args = parser.parse_args()

    records, probing, best = beside_lightly_records(args.out), Probing(cifar10(args.root)), {}
    for seed in range(args.seeds):
        for name in SIDES:
            there = [row for row in records.rows() if (row["side"], row["seed"]) == (name, str(seed))]
            if sum(float(row["budget"]) == args.minutes for row in there) == len(MARKS):
                continue
            best[name] = best.get(name) or fastest(name, args.root)
            records.put(run(name, seed, args, probing, best[name]))
    env = environment(torch.get_num_threads(), packages=("torch", "torchvision", "lightly"))
    note_origin(args.out, "beside_lightly", ["benchmarks.images.beside_lightly", *words_of(sys.argv[1:])], env)
    print(publish("beside_lightly", args.out))


if __name__ == "__main__":
    main()
