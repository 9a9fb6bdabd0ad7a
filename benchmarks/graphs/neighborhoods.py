"""Batches in which nodes meet their nearest neighbors, against batches of random nodes of the same size.

    python -m benchmarks.graphs.neighborhoods --root DATA

GRACE on batches of 512 nodes of Cora, 40 epochs, and of 1,024 of Amazon Photo, 15 epochs: about as many steps as the
recipes of the whole graph take. Batches are random nodes, or neighborhoods in the graph of the nearest embeddings of
all nodes, found anew every five epochs; in either the neighbors that are in the batch are further positives, or not.
``--search`` chooses the number of neighbors, 5, 10 or 20, by the validation accuracy of ``grace-neighbors`` at a
seed of its own, and keeps no test accuracy; what it chose stands in the recipe, and the rows with neighbors share it.
Embeddings are those of the whole graph after the last epoch; the probe chooses its settings on validation nodes, and
sees those of the test once. Splits are public for Cora, and drawn by the seed for Photo. A finished run is a line of
neighborhoods_runs.csv or neighborhoods_search.csv and is not repeated.
"""

import argparse
import copy
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.common import add_out, add_root, add_seeds
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.common.recipes import Settings, settings_hash
from benchmarks.pages import publish
from benchmarks.pages.neighborhoods import BASELINES, DATASETS, RECIPE, ROWS, neighborhoods_records, search_records
from gnnclr.configs import recipe_settings
from gnnclr.eval import linear_probe
from gnnclr.train import Run, parse_recipe

SEARCH_SEEDS = (1000,)
COUNTS = (5, 10, 20)


def recipe_of(dataset: str, row: str) -> Settings:
    """The recipe of a row, and what differs from it."""
    random, none = "--data.loader=gnnclr.node.RandomNodeLoader", "--model.method.rewire=null"
    size = f"--data.loader.batch_size={1024 if dataset == 'photo' else 512}"
    settings = Settings(f"{RECIPE}-{dataset}")
    changes = {
        "random nodes": (random, size, none, "--data.neighbors=null"),
        "random nodes, neighbors attract": (random, size),
        "neighborhoods": (none,),
        "neighborhoods, neighbors attract": (),
    }
    return settings.with_overrides(*changes.get(row, ()))


def run(
    dataset: str, row: str, seed: int, root: str, tested: bool = True, overrides: tuple[str, ...] = ()
) -> dict[str, float | None]:
    """Trains, and probes all nodes."""
    options = [*recipe_of(dataset, row).overrides, *overrides, f"--data.root={root}", f"--seed_everything={seed}"]
    options += ["--trainer.accelerator=cpu", *([f"--data.split={seed}"] if dataset == "photo" else [])]
    with tempfile.TemporaryDirectory() as folder:
        made = Run(parse_recipe(f"{RECIPE}-{dataset}", options), Path(folder))
        if row in BASELINES:
            built = made.build()
            built.data.setup("evaluate")
            z = built.data.baselines()["A²X"]() if row == BASELINES[0] else built.data.embed(built.model.method)
            data, seconds = built.data, 0.0
        else:
            start = time.process_time()
            trained = made.train()
            seconds = time.process_time() - start
            data, z = trained.data, trained.data.embed(copy.deepcopy(trained.method))
    result = linear_probe(z, data.labels, data.split)
    met = data.logs.get("neighbors_within_class")
    found = {"val": result.val, "seconds": seconds or None, "within class": met}
    return found | ({"test": result.test} if tested else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    add_root(parser)
    add_out(parser)
    parser.add_argument("--datasets", nargs="+", choices=DATASETS, default=DATASETS)
    add_seeds(parser, 3)
    parser.add_argument("--search", action="store_true", help="choose the number of neighbors instead")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for dataset in args.datasets:
        if args.search:
            search(dataset, args.root, args.out)
            continue
        for seed in range(args.seeds):
            for row in (*BASELINES, *ROWS):
                key = {"dataset": dataset, "row": row, "seed": seed}
                settings = recipe_of(dataset, row)
                about = settings.written | {"data": recipe_settings(settings.recipe)["data"]}
                key |= settings.columns | {"settings": settings_hash(row, about)}
                measure = lambda dataset=dataset, row=row, seed=seed: run(dataset, row, seed, args.root)  # noqa: E731
                neighborhoods_records(args.out).once(measure, ("val", "test", "seconds"), **key)
    if not args.search:
        note_origin(
            args.out, "neighborhoods", ["benchmarks.graphs.neighborhoods", *words_of(sys.argv[1:])], environment(1)
        )
        print(publish("neighborhoods", args.out))


def search(dataset: str, root: str, out: Path) -> None:
    """Tries numbers of neighbors, and prints the one with the best mean validation accuracy."""
    scores = {}
    for count in COUNTS:
        lines = []
        for seed in SEARCH_SEEDS:
            change = (f"--data.neighbors.k={count}",)
            key = {"dataset": dataset, "k": count, "seed": seed}
            measure = lambda change=change, seed=seed: run(dataset, ROWS[-1], seed, root, False, change)  # noqa: E731
            lines.append(search_records(out).once(measure, ("val", "seconds"), **key))
        scores[count] = statistics.mean(float(line["val"]) for line in lines)
    best = max(scores, key=lambda count: scores[count])
    print(f"{dataset}: {scores}; the best is --data.neighbors.k={best}")


if __name__ == "__main__":
    main()
