"""SimCLR and what changes it on all of CIFAR-10, trained until something is learned, by epochs.

    python -m benchmarks.images.cifar10 --root PATH
    python -m benchmarks.images.cifar10 --rows simclr supcon --seeds 1
    python -m benchmarks.images.cifar10 --epochs 2 --out OTHER

PATH is what ``gnnclr.vision.cifar10`` reads. A run is that of ``gnnclr fit`` with the recipe and the overrides in its
line: it sees the 50,000 training images without labels, ``supcon`` 45,000 with them. Probes fit on 45,000, choose their
settings on the other 5,000, and are judged once on the 10,000 test images, beside raw pixels and the untrained encoder.
Rows come in the order in which they are of interest, seed after seed. A finished run is a line of cifar10_runs.csv and
is not repeated; one that was stopped goes on from its checkpoint in ``--runs``. Two commands with other rows each may
run at a time.
"""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.common import add_out, add_root, add_seeds, add_threads
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.pages import publish
from benchmarks.pages.cifar10 import ALONE, BASE, MEASURES, ROWS, WHOLE, cifar10_records, settings_of
from gnnclr.eval import evaluate_features
from gnnclr.train import ContrastiveData, Run, parse_recipe
from gnnclr.vision import Mirrored, Whitened

#: The features that need no training.
PLAIN = ("raw", "untrained")


def training_of(row: str, seed: int, args: argparse.Namespace) -> Run:
    """The training of a row with a seed."""
    chosen = settings_of(row, args.epochs)
    own = [f"--data.root={args.root}", f"--seed_everything={seed}"]
    folder = args.runs / chosen.hash / row / f"seed-{seed}"
    return Run(parse_recipe(chosen.recipe, [*chosen.overrides, *own]), folder, f"{row}, seed {seed}")


def run(row: str, seed: int, features: str, args: argparse.Namespace) -> dict[str, Any]:
    """Trains a recipe, or goes on with it, and returns the measures of one kind of features."""
    training = training_of(row, seed, args)
    trained = training.train(training.checkpoint if training.checkpoint.is_file() else None)
    found = measures(trained.data, {"untrained": trained.untrained, "trained": trained.method}, features)
    return found | ({"steps": trained.step, "seconds": trained.seconds} if features == "trained" else {})


def network_alone(row: str, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """The measures of the network inside of an encoder that mirrors, and makes features white."""
    _, method, data, _ = training_of(row, seed, args).load()
    while isinstance(method.encoder, Whitened | Mirrored):
        method.encoder = method.encoder.encoder
    return measures(data, {row: method}, row)


def measures(data: ContrastiveData, methods: dict[str, nn.Module], features: str) -> dict[str, Any]:
    """Both probes of one kind of features: accuracy on test and on validation images."""
    made = data.features(methods)[features]
    probed = evaluate_features({features: made}, data.labels, data.split, data.probes)[features]
    parts = {"": "test", ", validation": "val"}
    return {f"{name}{part}": getattr(probed[name], of) for part, of in parts.items() for name in MEASURES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_root(parser)
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="ROW")
    add_seeds(parser, 3)
    parser.add_argument("--epochs", type=int, default=4, help=f"of all rows but {', '.join(WHOLE)}")
    add_threads(parser, 2)
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmarks/cifar10"), help="folder of checkpoints")
    add_out(parser)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    records, env = cifar10_records(args.out), environment(args.threads)
    for seed in range(args.seeds):
        for row in args.rows:
            chosen = settings_of(row, args.epochs)
            once = partial(records.once, seed=seed, settings={"hash": chosen.hash, "epochs": chosen.epochs})
            once(partial(run, row, seed, "trained", args), MEASURES, row=row, **chosen.columns)
            if row in ALONE:
                once(partial(network_alone, row, seed, args), MEASURES, row=ALONE[row], **chosen.columns)
            for features in PLAIN if (row, seed) == (BASE, 0) else ():
                once(partial(run, row, seed, features, args), MEASURES, row=features, **chosen.columns)
    note_origin(args.out, "cifar10", ["benchmarks.images.cifar10", *words_of(sys.argv[1:])], env)
    print(publish("cifar10", args.out))


if __name__ == "__main__":
    main()
