"""GRACE on citation graphs, beside raw features, the untrained encoder and propagated features.

    python -m benchmarks.graphs.grace --root DATA --datasets cora citeseer pubmed --seeds 5

Full batch, exact loss, embeddings of the last epoch. Probes choose their settings on validation nodes and look at test
nodes once. Training settings come from benchmarks/graphs/grace.json. ``--search`` writes that file: of a small grid it
takes the settings with the best mean validation accuracy of the linear probe over seeds 1000, 1001, ..., which are not
among the reported seeds 0, 1, ..., and trains on ``--device``; reported runs are timed, on the CPU. Results go to
grace.csv; runs that are there already, with the same settings, are not repeated.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
from pathlib import Path

import torch

from benchmarks.common import add_out, add_root
from benchmarks.common.machine import environment, note_origin
from benchmarks.common.memory import process_peak
from benchmarks.common.records import Records
from benchmarks.graphs import builders
from benchmarks.graphs.grace_settings import BASE, FILE, GRID, chosen, of_builder, searched
from benchmarks.graphs.training import fit
from benchmarks.pages import publish
from benchmarks.pages.grace import MEASURES, grace_records
from gnnclr.eval import Split, evaluate_features, linear_probe
from gnnclr.node import load_node_data, propagate_features


def search(name: str, root: str, seeds: int, device: str, out: Path) -> None:
    """Chooses the settings of the grid."""
    key = ("dataset", "settings", "seed")
    records = Records(out / "grace_search.csv", (*key, "val"), key)
    scores = {}
    for values in itertools.product(*GRID[name].values()):
        settings = BASE[name] | dict(zip(GRID[name], values))
        text, found = json.dumps(settings), []
        for seed in range(1000, 1000 + seeds):

            def validate(settings: dict = settings, seed: int = seed) -> dict[str, float]:
                data = load_node_data(name, root, split_seed=seed).to(device)
                torch.manual_seed(seed)
                method = builders.grace(data, of_builder(settings)).to(device)
                fit(method, [data], settings, f"{name} search seed {seed}")
                z, data = method.embed(data).cpu(), data.cpu()
                return {"val": linear_probe(z, data.y, Split.from_masks(data)).val}

            found.append(float(records.once(validate, ["val"], dataset=name, settings=text, seed=seed)["val"]))
        scores[text] = statistics.fmean(found)
        print(f"{name}: validation {100 * scores[text]:.2f} of {text}", file=sys.stderr)
    best = searched() | {name: json.loads(max(scores, key=scores.get))}
    FILE.write_text(json.dumps(best, indent=2) + "\n")


def run(name: str, root: str, seeds: int, out: Path) -> None:
    """What is missing of the rows of a data set."""
    settings = chosen()[name]
    records = grace_records(out)
    for seed in range(seeds):
        data = load_node_data(name, root, split_seed=seed)
        fixed = name in ("cora", "citeseer", "pubmed") and seed > 0  # the same features on the same split
        for row in ("raw", "A²X", "untrained", "GRACE")[2 if fixed else 0 :]:

            def measure(row: str = row, seed: int = seed, data=data) -> dict[str, object]:
                torch.manual_seed(seed)
                epoch = None
                if row == "raw":
                    x = data.x
                elif row == "A²X":
                    x = propagate_features(data.x, data.edge_index)
                else:
                    method = builders.grace(data, of_builder(settings))
                    if row == "GRACE":
                        epoch = statistics.median(fit(method, [data], settings, f"{name} seed {seed}"))
                    x = method.embed(data)
                peak = process_peak()  # before the probes, whose memory is their own
                result = evaluate_features({row: x}, data.y, Split.from_masks(data))[row]
                linear, knn = result["linear"], result["kNN"]
                values = (linear.test, linear.val, knn.test, knn.val, epoch, peak, torch.get_num_threads())
                return dict(zip(MEASURES, values))

            records.once(measure, ["linear", "knn"], dataset=name, row=row, seed=seed, settings=json.dumps(settings))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_root(parser)
    parser.add_argument("--datasets", nargs="+", default=list(BASE), choices=list(BASE))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--search", action="store_true", help="choose settings and write them to grace.json")
    parser.add_argument("--device", default="cpu", help="where a search trains (default: cpu)")
    add_out(parser)
    args = parser.parse_args()
    if len(args.datasets) > 1:
        # A process each, so that peak memory is that of one data set.
        for name in args.datasets:
            extra = ["--search", "--device", args.device] if args.search else []
            command = [sys.executable, "-m", "benchmarks.graphs.grace", "--root", args.root, "--out", str(args.out)]
            subprocess.run([*command, "--datasets", name, "--seeds", str(args.seeds), *extra], check=True)
    elif args.search:
        search(args.datasets[0], args.root, args.seeds, args.device, args.out)
    else:
        run(args.datasets[0], args.root, args.seeds, args.out)
    if not args.search:
        command = ["benchmarks.graphs.grace", "--datasets", *args.datasets, f"--seeds={args.seeds}"]
        note_origin(args.out, "grace", command, environment(torch.get_num_threads()))
        print(publish("grace", args.out))


if __name__ == "__main__":
    main()
