"""SimCLR and what changes it on all of CIFAR-10, trained until something is learned: recipes as they stand, by epochs.

    python -m benchmarks.images.cifar10 --root PATH
    python -m benchmarks.images.cifar10 --rows simclr supcon --seeds 1
    python -m benchmarks.images.cifar10 --epochs 2 --out /tmp/try

PATH is what ``gnnclr.vision.cifar10`` reads. A run is that of ``gnnclr fit --config simclr-cifar10-cpu``: it sees the
50,000 training images, all but ``supcon`` without labels. Probes fit on 45,000 of them, choose their settings on the
other 5,000, and are judged once on the 10,000 test images, beside raw pixels and the untrained encoder. Rows come in
the order in which they are of interest, seed after seed. A finished run is a line of cifar10_runs.csv and is not
repeated; one that was stopped goes on from its checkpoint in ``--runs``.
"""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.common import add_out, add_root, add_seeds, add_threads
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.common.recipes import Settings
from benchmarks.pages import publish
from benchmarks.pages.cifar10 import ALONE, MEASURES, ROWS, WHOLE, cifar10_records
from gnnclr.eval import evaluate_features
from gnnclr.train import Run, parse_recipe
from gnnclr.vision import Mirrored, Whitened

#: The features that need no training, and are the same, or nearly, in all runs.
PLAIN = ("raw", "untrained")


def training_of(row: str, seed: int, args: argparse.Namespace) -> Run:
    """The training of a row with a seed."""
    chosen = settings_of(row, args)
    own = [f"--data.root={args.root}", f"--seed_everything={seed}"]
    folder = args.runs / chosen.hash / row / f"seed-{seed}"
    return Run(parse_recipe(chosen.recipe, [*chosen.overrides, *own]), folder, f"{row}, seed {seed}")


def network_alone(row: str, seed: int, args: argparse.Namespace) -> dict[str, float]:
    """The measures of the network inside of an encoder that mirrors, and makes features white."""
    _, method, data, _ = training_of(row, seed, args).load()
    while isinstance(method.encoder, Whitened | Mirrored):
        method.encoder = method.encoder.encoder
    probed = evaluate_features({row: lambda: data.embed(method)}, data.labels, data.split, data.probes)[row]
    parts = {"": "test", ", validation": "val"}
    return {f"{name}{part}": getattr(probed[name], of) for part, of in parts.items() for name in MEASURES}


def run(row: str, seed: int, args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Trains a recipe, or goes on with it, and returns the measures of each kind of features."""
    training = training_of(row, seed, args)
    result = training.result or training.fit(training.checkpoint if training.checkpoint.is_file() else None)
    found = {}
    for features in result["test"]:
        test, val = result["test"][features], result["validation"][features]
        found[features] = {
            "linear": test["linear"],
            "kNN": test["kNN"],
            "linear, validation": val["linear"],
            "kNN, validation": val["kNN"],
        }
    found["trained"] |= {"steps": result["steps"], "seconds": result["seconds"]}
    return found


def settings_of(row: str, args: argparse.Namespace) -> Settings:
    """The recipe of a row, at the number of epochs, or at its own."""
    return ROWS[row] if row in WHOLE else ROWS[row].with_overrides(f"--trainer.max_epochs={args.epochs}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_root(parser)
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="ROW")
    add_seeds(parser, 3)
    parser.add_argument("--epochs", type=int, default=15, help=f"of all rows but {', '.join(WHOLE)}")
    add_threads(parser, 2)
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmarks/cifar10"), help="folder of checkpoints")
    add_out(parser)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    records, env = cifar10_records(args.out), environment(args.threads)
    for seed in range(args.seeds):
        for row in args.rows:
            chosen = settings_of(row, args)
            settings = {"hash": chosen.hash, "epochs": chosen.epochs}
            for features in PLAIN if row == next(iter(ROWS)) else ():
                made = partial(_part, features, row, seed, args)
                records.once(made, ("linear", "kNN"), row=features, seed=seed, settings=settings, **chosen.columns)
            made = partial(_part, "trained", row, seed, args)
            records.once(made, MEASURES, row=row, seed=seed, settings=settings, **chosen.columns)
            if row in ALONE:
                made = partial(network_alone, row, seed, args)
                records.once(made, MEASURES, row=ALONE[row], seed=seed, settings=settings, **chosen.columns)
    note_origin(args.out, "cifar10", ["benchmarks.images.cifar10", *words_of(sys.argv[1:])], env)
    print(publish("cifar10", args.out))


def _part(features: str, row: str, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    return run(row, seed, args)[features]


if __name__ == "__main__":
    main()
