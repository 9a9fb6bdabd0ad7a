"""A-InfoNCE by accuracy under attack: linear probes of handwritten digits, clean and under PGD-20.

    python -m benchmarks.images.robust

A finished run is a line of robust_runs.csv, and is not repeated.
"""

import argparse
from functools import partial

import torch

from benchmarks.common import add_out
from benchmarks.common.machine import environment, note_origin
from benchmarks.common.recipes import Settings
from benchmarks.images.training import train
from benchmarks.pages import publish
from benchmarks.pages.systems import system_records
from gnnclr.eval import linear_probe
from gnnclr.train import Run, parse_recipe
from gnnclr.vision import RobustProbe

ROWS = {
    "untrained": Settings("simclr-digits"),
    "simclr": Settings("simclr-digits"),
    "a-info-nce, α = 1/2": Settings("a-info-nce-digits", ("--model.method.loss.alpha=0.5",)),
    "a-info-nce, α = 0.2": Settings("a-info-nce-digits"),
    "a-info-nce-adaptive": Settings("a-info-nce-adaptive-digits"),
}


def run(name: str, chosen: Settings, seed: int, args: argparse.Namespace) -> dict[str, float]:
    """Trains a recipe, and judges it by clean and attacked test images."""
    built = Run(parse_recipe(chosen.recipe, [*chosen.overrides, f"--seed_everything={seed}"]), args.out).build()
    method, data = built.model.method, built.data
    data.setup("fit")
    trained = {} if name == "untrained" else train(built.model, data, seed, args.epochs, bf16=False)
    method.eval()
    linear = linear_probe(data.embed(method), data.labels, data.split)
    found = RobustProbe(images=450)(method, data.inputs, data.labels, data.split, {"linear": linear})
    alpha = getattr(getattr(method, "loss", None), "alpha", None)
    measures = {"clean": found["clean"].test, "robust": found["robust"].test, "linear, validation": linear.val}
    return trained | measures | ({} if alpha is None or name == "untrained" else {"last α": alpha})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to N-1")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    add_out(parser)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    records = system_records("robust", args.out)
    for seed in range(args.seeds):
        for name, chosen in ROWS.items():
            settings = {"hash": chosen.hash, "epochs": args.epochs, "threads": args.threads}
            made = partial(run, name, chosen, seed, args)
            records.once(made, ("clean", "robust"), row=name, seed=seed, settings=settings, **chosen.columns)
    options = [f"--{key}={getattr(args, key)}" for key in ("seeds", "epochs", "threads")]
    note_origin(args.out, "robust", ["benchmarks.images.robust", *options], environment(args.threads))
    print(publish("robust", args.out))


if __name__ == "__main__":
    main()
