"""Methods for graphs under one protocol, beside features that need no training.

    python -m benchmarks.graphs.methods --methods grace,ccassg --datasets cora,photo --root DATA --seeds 10

Encoders are trained without labels, on the whole graph, by runs as those of ``gnnclr compare``, and frozen at the last
epoch: a row on a public split is what that prints, to the digit. An L2-regularized logistic
regression, whose C and feature scaling are chosen on the validation nodes, looks at the test nodes once. The rows raw
features, untrained GCN, A²X, PPR X, as declared and with the propagation that ``--search`` chose, and PPR LSA (tf-idf,
truncated SVD, propagation) have the same splits and the same probe. Splits are public ones for Planetoid, WikiCS (20),
ogbn-arxiv and ACM; otherwise 10 % training, 10 % validation, 80 % test nodes, drawn by the seed.

``--links`` trains methods without some of the edges, and ranks those among as many pairs without an edge.

Each finished run is a line of methods_runs.csv, or methods_links.csv, its settings those of its hash in
methods_settings.csv; runs that are there with the same settings, graph and seed are not repeated, unless a plain loop
has trained them, as earlier ones were. A run that was killed goes on from its checkpoint in --work. Settings are those
of the recipe, such as ``grace-cora``, and a method may also be a YAML file; ``--trainer.max_epochs=20`` and the like
override any field of all recipes of the command. ``--search`` tries a grid instead, that of a baseline or, of a method,
``--grid model.method.loss.temperature=[0.4,0.7]``, and prints the settings with the best mean validation accuracy over
seeds 1000, 1001, ..., which are not among the reported seeds 0, 1, ...: they belong into the recipe, under ``when`` and
the name of the data set. Its runs go to methods_search.csv.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

from benchmarks.common import add_device, add_out, add_root, add_threads
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.common.recipes import check_overrides, parse_overrides
from benchmarks.graphs.bench import FIRST_SEARCH_SEED, Bench
from benchmarks.graphs.features import BASELINES, GRIDS
from benchmarks.graphs.recipes import METHODS, is_file, settings_of
from benchmarks.pages import publish
from gnnclr.node.datasets.load import DATASETS
from gnnclr.processes import STOPPED
from gnnclr.train import TrainingInterrupted

#: What the results depend on.
PACKAGES = ("gnnclr", "torch", "torch-geometric", "scikit-learn", "faiss-cpu", "faiss-gpu")


def names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def field(text: str) -> tuple[str, list]:
    """The name of a field and the values to try."""
    name, _, values = text.partition("=")
    try:
        found = json.loads(values)
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, list) or not found:
        raise argparse.ArgumentTypeError(f"must be FIELD=[A,B] (got {text!r})")
    return name.removeprefix("--"), found


def parser() -> argparse.ArgumentParser:
    form = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
    p = argparse.ArgumentParser(description=__doc__, **form)
    p.add_argument("--methods", type=names, default=[], help=f"any of {','.join(METHODS)}, all, or files *.yaml")
    p.add_argument("--datasets", type=names, required=True, help=f"any of {','.join(DATASETS)}, or files *.pt")
    baselines = f"any of {','.join(BASELINES)}; '' for none (default: all, and with --search and --methods none)"
    p.add_argument("--baselines", type=names, help=baselines)
    add_root(p)
    p.add_argument("--seeds", type=int, help="seeds 0, 1, ... (default: 20 where splits differ by seed, otherwise 10)")
    add_out(p)
    p.add_argument("--probe-with-px", action="store_true", help="rows with propagated features beside the embeddings")
    p.add_argument("--extras", action="store_true", help="also NMI and ARI of k-means, and Sim@5")
    p.add_argument("--links", action="store_true", help="link prediction instead, in a table of its own")
    p.add_argument("--search", action="store_true", help="choose settings by validation accuracy")
    p.add_argument("--grid", type=field, action="append", default=[], metavar="FIELD=[A,B]", help="what it tries")
    p.add_argument("--search-seeds", type=int, default=3, help="seeds of each setting of a search (default: 3)")
    work = "folder of trainings that are not done (default: runs/benchmark-methods)"
    p.add_argument("--work", type=Path, default=Path("runs/benchmark-methods"), help=work)
    add_device(p)
    add_threads(p, None)
    return p


def check(p: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Exits with a message if the arguments name what does not exist."""
    if args.methods == ["all"]:
        args.methods = list(METHODS)
    if args.baselines is None:
        args.baselines = [] if args.search and args.methods else list(BASELINES)
    for option, known in (("methods", METHODS), ("baselines", BASELINES)):
        for name in getattr(args, option):
            if name not in known and not (option == "methods" and is_file(name) and Path(name).is_file()):
                p.error(f"--{option} must be among {', '.join(known)} (got {name!r})")
    for name in args.datasets:
        if not (Path(name).is_file() if name.endswith(".pt") else name in DATASETS):
            p.error(f"--datasets must be among {', '.join(DATASETS)}, or existing files *.pt (got {name!r})")
    if args.seeds is not None and not 1 <= args.seeds <= FIRST_SEARCH_SEED:
        p.error(f"--seeds must be from 1 to {FIRST_SEARCH_SEED} (got {args.seeds})")
    if args.search_seeds < 1:
        p.error(f"--search-seeds must be at least 1 (got {args.search_seeds})")
    if args.search and not (args.methods and args.grid) and not GRIDS.keys() & set(args.baselines):
        p.error(f"--search needs --methods and a --grid, or --baselines of {', '.join(GRIDS)}")
    if args.overrides:
        check_overrides(p, [settings_of(name, each, args.overrides) for name in args.methods for each in args.datasets])


def main(argv: list[str] | None = None) -> int:
    """Runs the benchmark; 1 if something failed, after all that did not."""
    p = parser()
    args = parse_overrides(p, argv)
    check(p, args)
    if args.threads:
        torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    bench = Bench(args.out, args.overrides, args.root, device, args.extras, args.probe_with_px, args.work)
    try:
        for dataset in args.datasets:
            if args.search:
                for name in [*filter(GRIDS.get, args.baselines), *args.methods]:
                    bench.search(dataset, name, dict(args.grid), args.search_seeds)
            else:
                (bench.links if args.links else bench.run)(dataset, args.methods, args.baselines, args.seeds)
    except TrainingInterrupted as stop:
        print(f"stopped: {stop}; the same command goes on", file=sys.stderr)
        return STOPPED
    finally:
        if not args.search:
            words = words_of(sys.argv[1:] if argv is None else argv, ("--root", "--out", "--work"))
            env = environment(torch.get_num_threads(), args.device, PACKAGES)
            note_origin(args.out, "methods", ["benchmarks.graphs.methods", *words], env)
            print(publish("methods", args.out, overrides=args.overrides))
    for failure in bench.failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
