"""Techniques of graph networks inside contrastive methods: each against the recipe that it changes, on CIFAR-10.

    python -m benchmarks.images.variants --root PATH
    python -m benchmarks.images.variants --variants simclr-attn-cifar10-cpu simsiam-multi-cifar10-cpu --seeds 5

PATH is what ``gnnclr.vision.cifar10`` reads. Runs every recipe ``*-cifar10-cpu`` of the package that names a technique,
and the recipes that those change, with the same small encoder, the same training images, batches and steps. Arguments
of a technique are those of its recipe: nothing is tuned here. Probes fit on 10,000 training images, choose their
settings on 2,000 validation images, and are judged once on the 10,000 test images. A difference is that of two runs of
one seed. A finished run is a line of variants_runs.csv, which names recipe and overrides, and is not repeated.
"""

import argparse
from functools import partial

import torch
from torch import nn

from benchmarks.common import add_out, add_root, add_seeds, add_threads
from benchmarks.common.machine import environment, note_origin
from benchmarks.common.recipes import Settings, override
from benchmarks.images.objectives_settings import SMALL, WIDTHS
from benchmarks.images.probing import Probing
from benchmarks.images.training import train
from benchmarks.pages import publish
from benchmarks.pages.variants import MEASURES, variants_records
from gnnclr.configs import recipe_cards
from gnnclr.eval import effective_rank, linear_probe
from gnnclr.train import Run, parse_recipe
from gnnclr.vision import Images, cifar10

SUFFIX = "-cifar10-cpu"
#: What depends on the width of the smaller encoder, besides the projector.
EXTRA = {
    "simclr-attn-learned-cifar10-cpu": (override("model.method.loss.conv.alignment.attention.channels", WIDTHS[-1]),)
}


def recipes() -> dict[str, str]:
    """The recipes of techniques, with the recipe that each changes."""
    cards = recipe_cards()
    return {name: card["base"] for name, card in cards.items() if name.endswith(SUFFIX) and "technique" in card}


def settings_of(name: str, images: int) -> Settings:
    """A recipe with a smaller encoder, and the number of training images."""
    return Settings(name, (*SMALL, *EXTRA.get(name, ()), override("data.limit", images)))


class Benchmark:
    """Trains and measures."""

    def __init__(self, data: Images, args: argparse.Namespace):
        self.args, self.probing = args, Probing(data)

    def run(self, chosen: Settings, seed: int) -> dict[str, float]:
        """Trains a recipe, and measures its features."""
        own = [*chosen.overrides, f"--data.root={self.args.root}", f"--seed_everything={seed}"]
        built = Run(parse_recipe(chosen.recipe, own), self.args.out).build()
        module, data = built.model, built.data
        data.setup("fit")
        trained = train(module, data, seed, self.args.epochs)
        return trained | self.measure(module.method)

    def settings(self, chosen: Settings) -> dict:
        """What a run depends on; a run of another recipe, or with other overrides, is another run."""
        return {"hash": chosen.hash} | self.probing.settings | {k: getattr(self.args, k) for k in ("epochs", "threads")}

    @torch.no_grad()
    def measure(self, method: nn.Module) -> dict[str, float]:
        """Probes of the encoder's features, in float32, and their effective rank on test images."""
        method.eval()
        x = torch.cat([method(chunk).float() for chunk in self.probing.images.split(500)])
        # Thousands of training rows settle the linear probe at scikit-learn's tolerance.
        scores = self.probing.scores(x, partial(linear_probe, tol=1e-4))
        return scores | {"effective rank": float(effective_rank(x[self.probing.split.test]))}


def main() -> None:
    known = recipes()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_root(parser)
    parser.add_argument("--variants", nargs="+", choices=list(known), default=list(known), metavar="NAME")
    add_seeds(parser, 3)
    parser.add_argument("--images", type=int, default=10_240, help="training images")
    parser.add_argument("--epochs", type=int, default=4)
    add_threads(parser)
    add_out(parser)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    benchmark = Benchmark(cifar10(args.root), args)
    records = variants_records(args.out)
    names = list(dict.fromkeys(name for variant in args.variants for name in (known[variant], variant)))
    for seed in range(args.seeds):
        for name in names:
            chosen = settings_of(name, args.images)
            made = partial(benchmark.run, chosen, seed)
            records.once(made, MEASURES, seed=seed, settings=benchmark.settings(chosen), **chosen.columns)
    options = [f"--{key}={getattr(args, key)}" for key in ("seeds", "images", "epochs", "threads")]
    some = [] if args.variants == list(known) else ["--variants", *args.variants]
    note_origin(args.out, "variants", ["benchmarks.images.variants", *options, *some], environment(args.threads))
    print(publish("variants", args.out))


if __name__ == "__main__":
    main()
