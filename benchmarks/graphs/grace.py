"""GRACE on citation graphs, beside raw features, the untrained encoder and propagated features.

    python -m benchmarks.graphs.grace --root DATA --datasets cora citeseer pubmed --seeds 5

Full batch, exact loss, embeddings of the last epoch. Probes choose their settings on validation nodes and look at test
nodes once. Training settings are those of the recipes grace-cora, grace-citeseer and, but for overrides that the table
names, grace-pubmed. Runs are timed, on the CPU. Results go to grace.csv; runs that are there already, with the same
settings, are not repeated.
"""

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

import torch

from benchmarks.common import add_out, add_root, add_seeds
from benchmarks.common.machine import environment, note_origin
from benchmarks.common.memory import process_peak
from benchmarks.graphs.grace_recipes import FULL_BATCH, build
from benchmarks.graphs.training import fit
from benchmarks.pages import publish
from benchmarks.pages.grace import MEASURES, grace_records
from gnnclr.eval import Split, evaluate_features
from gnnclr.node import load_node_data, propagate_features


def run(name: str, root: str, seeds: int, out: Path) -> None:
    """What is missing of the rows of a data set."""
    settings = FULL_BATCH[name]
    records = grace_records(out)
    for seed in range(seeds):
        data = load_node_data(name, root, split_seed=seed)
        fixed = seed > 0  # the same features on the same split
        for row in ("raw", "A²X", "untrained", "GRACE")[2 if fixed else 0 :]:

            def measure(row: str = row, seed: int = seed, data=data) -> dict[str, object]:
                torch.manual_seed(seed)
                epoch = None
                if row == "raw":
                    x = data.x
                elif row == "A²X":
                    x = propagate_features(data.x, data.edge_index)
                else:
                    module = build(settings, data)
                    if row == "GRACE":
                        epoch = statistics.median(fit(module, [data], settings.epochs, f"{name} seed {seed}"))
                    x = module.method.embed(data)
                peak = process_peak()  # before the probes, whose memory is their own
                result = evaluate_features({row: x}, data.y, Split.from_masks(data))[row]
                linear, knn = result["linear"], result["kNN"]
                values = (linear.test, linear.val, knn.test, knn.val, epoch, peak, torch.get_num_threads())
                return dict(zip(MEASURES, values))

            of_recipe = settings.columns | {"hash": settings.hash} if row in ("untrained", "GRACE") else {"hash": ""}
            records.once(measure, ["linear", "knn"], dataset=name, row=row, seed=seed, **of_recipe)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_root(parser)
    parser.add_argument("--datasets", nargs="+", default=list(FULL_BATCH), choices=list(FULL_BATCH))
    add_seeds(parser, 5)
    add_out(parser)
    args = parser.parse_args()
    if len(args.datasets) > 1:
        # A process each, so that peak memory is that of one data set.
        for name in args.datasets:
            command = [sys.executable, "-m", "benchmarks.graphs.grace", "--root", args.root, "--out", str(args.out)]
            subprocess.run([*command, "--datasets", name, "--seeds", str(args.seeds)], check=True)
    else:
        run(args.datasets[0], args.root, args.seeds, args.out)
    command = ["benchmarks.graphs.grace", "--datasets", *args.datasets, f"--seeds={args.seeds}"]
    note_origin(args.out, "grace", command, environment(torch.get_num_threads()))
    print(publish("grace", args.out))


if __name__ == "__main__":
    main()
