"""Few-shot episodes of SAMP-CLR on classes that training has not seen: handwritten digits, six classes and four.

    python -m benchmarks.images.few_shot

A finished row is a line of few_shot_runs.csv, and a seed whose rows are all there is not repeated.
"""

import argparse
import tempfile
from pathlib import Path

import torch

from benchmarks.common import add_out, add_seeds, add_threads
from benchmarks.common.machine import environment, note_origin
from benchmarks.common.recipes import Settings, override
from benchmarks.pages import publish
from benchmarks.pages.systems import system_records
from gnnclr.train import Run, parse_recipe
from gnnclr.train.embedding import few_shot_episodes

KNOWN = [0, 1, 2, 3, 4, 5]


def measure(chosen: Settings, seed: int, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Trains a recipe, and returns the columns of each row of its table."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run(parse_recipe(chosen.recipe, [*chosen.overrides, f"--seed_everything={seed}"]), Path(folder, "run"))
        trained = run.train()
        table = few_shot_episodes(run.folder, args.ways, (1, 5), episodes=args.episodes)
    rows = {}
    for name, found in table.items():
        measures = {shots: result.accuracy for shots, result in found.items()}
        rows[name] = measures | {f"± {shots}": 100 * result.interval for shots, result in found.items()}
        rows[name]["seconds"] = trained.seconds
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_seeds(parser, 3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--ways", type=int, default=4)
    parser.add_argument("--episodes", type=int, default=1000)
    add_threads(parser)
    add_out(parser)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    records = system_records("few_shot", args.out)
    own = (override("data.train_classes", KNOWN), override("trainer.max_epochs", args.epochs))
    for seed in range(args.seeds):
        for recipe in ("samp-clr-digits", "simclr-digits"):
            chosen = Settings(recipe, own)
            settings = {"hash": chosen.hash, "ways": args.ways, "episodes": args.episodes}
            last = f"{recipe.removesuffix('-digits')}: trained, OpT-Tune"
            if any(line["row"] == last and line["seed"] == str(seed) for line in records.rows()):
                continue
            for name, columns in measure(chosen, seed, args).items():
                own_name = name if name == "raw" else f"{recipe.removesuffix('-digits')}: {name}"
                records.append(row=own_name, seed=seed, settings=settings, **columns, **chosen.columns)
    options = [f"--{key}={getattr(args, key)}" for key in ("seeds", "epochs", "ways", "episodes", "threads")]
    note_origin(args.out, "few_shot", ["benchmarks.images.few_shot", *options], environment(args.threads))
    print(publish("few_shot", args.out))


if __name__ == "__main__":
    main()
