"""Systems of papers on images: recipes trained over the same seeds, each judged by the measure of its paper."""

import argparse
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import nn

from benchmarks.common import add_out, add_seeds, add_threads
from benchmarks.common.machine import environment, note_origin
from benchmarks.common.recipes import Settings
from benchmarks.images.training import train
from benchmarks.pages import publish
from benchmarks.pages.systems import system_records
from gnnclr.train import ContrastiveData, Run, parse_recipe
from gnnclr.train.transfer import Pixels

#: The row whose method is judged as it is drawn, and the one that has pixels in the place of a method.
UNTRAINED, RAW = "untrained", "raw"


def run(row: str, chosen: Settings, seed: int, args: argparse.Namespace, measure: Callable) -> dict[str, float]:
    """Trains a recipe on its data, in float32, and returns what was measured of the training and of the method."""
    built = Run(parse_recipe(chosen.recipe, [*chosen.overrides, f"--seed_everything={seed}"]), args.out).build()
    method, data = built.model.method, built.data
    data.setup("fit")
    if row == RAW:
        return measure(Pixels(), data)
    trained = {} if row == UNTRAINED else train(built.model, data, seed, args.epochs, bf16=False)
    return trained | measure(method.eval(), data)


def judge(
    name: str,
    doc: str,
    rows: Mapping[str, Settings],
    measure: Callable[[nn.Module, ContrastiveData], dict[str, float]],
    show: tuple[str, ...],
    epochs: int = 10,
) -> None:
    """The command of a system: a line of its CSV file for each row and seed that is not there yet, and its page.

    Args:
        name (str): The system, of :data:`benchmarks.pages.systems.SYSTEMS`; its module has this name.
        doc (str): The docstring of the module.
        rows (dict): The recipes by the names of their rows.
        measure (callable): What is measured of a trained method on its data.
        show (tuple of str): The measures that are printed when a run is done.
        epochs (int, optional): The epochs that are trained unless the command says others. (default: ``10``)
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    add_seeds(parser, 3)
    parser.add_argument("--epochs", type=int, default=epochs)
    add_threads(parser)
    add_out(parser)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    records = system_records(name, args.out)
    for seed in range(args.seeds):
        for row, chosen in rows.items():
            settings = {"hash": chosen.hash, "epochs": args.epochs, "threads": args.threads}
            made = partial(run, row, chosen, seed, args, measure)
            records.once(made, show, row=row, seed=seed, settings=settings, **chosen.columns)
    options = [f"--{key}={getattr(args, key)}" for key in ("seeds", "epochs", "threads")]
    note_origin(args.out, name, [f"benchmarks.images.{name}", *options], environment(args.threads))
    print(publish(name, args.out))
