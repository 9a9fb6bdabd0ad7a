"""Techniques of graph networks inside contrastive methods: each against the recipe that it changes, on CIFAR-10.

    python benchmarks/variants.py --root PATH
    python benchmarks/variants.py --variants simclr-attn-cifar10-cpu simsiam-multi-cifar10-cpu --seeds 5

PATH is what benchmarks/cifar10.py reads. Runs every recipe ``*-cifar10-cpu`` of the package that names a technique, and
the recipes that those change, with the same small encoder, the same training images, batches and steps. Arguments of a
technique are those of its recipe: nothing is tuned here. Probes fit on 10,000 training images, choose their settings on
2,000 validation images, and are judged once on the 10,000 test images. A difference is that of two runs of one seed.
Writes variants.{csv,md,png}. A finished run is a line of variants_runs.csv and is not repeated.
"""

import argparse
import hashlib
import os
import shlex
import statistics
import time
from functools import partial
from pathlib import Path

import torch
from cifar10 import environment
from runs import Runs
from torch import nn
from tqdm import tqdm
from variants_report import DETAILS, MEASURES, Rows, write

from gnnclr.configs import recipe_cards
from gnnclr.eval import ProbeResult, Split, effective_rank, knn_probe, linear_probe
from gnnclr.train import Run, parse_recipe
from gnnclr.train.parameter_groups import parameter_groups
from gnnclr.train.schedule import warmup_cosine
from gnnclr.vision import Images, cifar10

RESULTS = Path(__file__).parent / "results"
SUFFIX = "-cifar10-cpu"
#: Images that probes fit on, and choose by.
FIT, CHOOSE = 10_000, 2_000
#: A smaller encoder than that of the recipes, and what depends on its width.
WIDTHS = (32, 64, 128)
SMALL = [
    f"--model.method.encoder.init_args.widths={list(WIDTHS)}",
    "--model.method.encoder.init_args.in_channels=3",
    f"--model.method.projector.init_args.in_features={WIDTHS[-1]}",
]
ATTENTION = "--model.method.loss.init_args.conv.init_args.alignment.init_args.attention"
EXTRA = {"simclr-attn-learned-cifar10-cpu": [f"{ATTENTION}.init_args.channels={WIDTHS[-1]}"]}


def recipes() -> dict[str, str]:
    """The recipes of techniques, with the recipe that each changes."""
    cards = recipe_cards()
    return {name: card["base"] for name, card in cards.items() if name.endswith(SUFFIX) and "technique" in card}


class Benchmark:
    """Trains and measures."""

    def __init__(self, data: Images, args: argparse.Namespace):
        self.args, generator = args, torch.Generator().manual_seed(0)
        parts = ((data.train, FIT), (data.val, CHOOSE), (data.test, len(data.test.labels)))
        chosen = [(part, torch.randperm(len(part.labels), generator=generator)[:n]) for part, n in parts]
        self.images = torch.cat([part.images[index] for part, index in chosen])
        self.labels = torch.cat([part.labels[index] for part, index in chosen])
        self.split = Split(*torch.arange(len(self.labels)).split([len(index) for _, index in chosen]))

    def run(self, name: str, seed: int) -> dict[str, float]:
        """Trains a recipe, and measures its features."""
        built = Run(parse_recipe(name, self.overrides(name, seed)), self.args.out).build()
        module, data = built.model, built.data
        data.setup("fit")
        trained = self.fit(module, data, seed)
        return trained | self.measure(module.method)

    def overrides(self, name: str, seed: int) -> list[str]:
        """What differs from the recipe."""
        extra = [f"--data.root={self.args.root}", f"--data.limit={self.args.images}", f"--seed_everything={seed}"]
        return SMALL + EXTRA.get(name, []) + extra

    def settings(self, name: str) -> dict:
        """What a run depends on; the recipe as a hash of it all, so that a run of another recipe is another run."""
        recipe = Run(parse_recipe(name, self.overrides(name, 0)), self.args.out).settings().replace(self.args.root, "")
        keys = ("images", "epochs", "threads")
        short = hashlib.sha256(recipe.encode()).hexdigest()[:16]
        return {"recipe": short, "fit": FIT, "choose": CHOOSE} | {key: getattr(self.args, key) for key in keys}

    def fit(self, module: nn.Module, data: nn.Module, seed: int) -> dict[str, float]:
        """Trains as :class:`gnnclr.train.ContrastiveModule` does, without checkpoints and logs."""
        method, loader, values = module.method.train(), data.batches(), []
        steps = self.args.epochs * len(loader)
        optimizer = module.optimizer(parameter_groups(method))
        schedule = warmup_cosine(optimizer, steps, steps // 10, module.final_lr)
        start = time.perf_counter()
        for epoch in (bar := tqdm(range(self.args.epochs), leave=False)):
            data.start_epoch(method, epoch)
            getattr(method, "start_epoch", lambda epoch: None)(epoch)
            for i, batch in enumerate(loader):
                torch.manual_seed((seed * 1_000_003 + epoch) * 1_000_003 + i)
                with torch.autocast("cpu", torch.bfloat16):
                    loss, _ = method.training_step_loss(batch)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                getattr(method, "after_optimizer_step", lambda: None)()
                values.append(float(loss.detach()))
            bar.set_postfix(loss=f"{values[-1]:.3f}")
        seconds, tenth = time.perf_counter() - start, max(1, steps // 10)
        losses = {"first loss": statistics.fmean(values[:tenth]), "last loss": statistics.fmean(values[-tenth:])}
        return {"seconds": seconds} | losses

    def linear(self, x: torch.Tensor) -> ProbeResult:
        """The linear probe, which thousands of training rows settle at scikit-learn's tolerance."""
        return linear_probe(x, self.labels, self.split, tol=1e-4)

    @torch.no_grad()
    def measure(self, method: nn.Module) -> dict[str, float]:
        """Probes of the encoder's features, in float32, and their effective rank on test images."""
        method.eval()
        x = torch.cat([method(chunk).float() for chunk in self.images.split(500)])
        results = {"kNN": knn_probe(x, self.labels, self.split), "linear": self.linear(x)}
        rank = {"effective rank": float(effective_rank(x[self.split.test]))}
        validation = {f"{name}, validation": result.val for name, result in results.items()}
        return {name: result.test for name, result in results.items()} | rank | validation


def main() -> None:
    known = recipes()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=os.environ.get("GNNCLR_DATA"), help="default: $GNNCLR_DATA")
    parser.add_argument("--variants", nargs="+", choices=list(known), default=list(known), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to N-1")
    parser.add_argument("--images", type=int, default=10_240, help="training images")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    if args.root is None:
        parser.error("--root must be given, or GNNCLR_DATA be set")

    torch.set_num_threads(args.threads)
    benchmark = Benchmark(cifar10(args.root), args)
    runs = Runs(args.out / "variants_runs.csv", "recipe", MEASURES + DETAILS, len(MEASURES))
    names = list(dict.fromkeys(name for variant in args.variants for name in (known[variant], variant)))
    rows: Rows = {name: [] for name in names}
    for seed in range(args.seeds):
        for name in names:
            rows[name].append(runs.get(name, seed, benchmark.settings(name), partial(benchmark.run, name, seed)))
    options = [f"--{key}={getattr(args, key)}" for key in ("seeds", "images", "epochs", "threads")]
    some = [] if args.variants == list(known) else ["--variants", *args.variants]
    command = shlex.join(["python", "benchmarks/variants.py", *options, *some])
    protocol = (
        f"{args.epochs} epochs of {args.images:,} training images, in the batches of the recipes, with SlimResNet "
        f"{WIDTHS}. Probes fit on {FIT:,} training images and choose their settings on {CHOOSE:,} validation images; "
        f"accuracy in percent on {len(benchmark.split.test):,} test images."
    )
    print(write(rows, known, args.out, command, protocol, environment(args)))


if __name__ == "__main__":
    main()
