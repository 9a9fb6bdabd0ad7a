"""One default for a graph that nobody has seen, beside features that need no training and beside other methods.

    python -m benchmarks.graphs.auto --root DATA --seeds 5

Every graph is given to every recipe as a file, as a reader's own graph is: no setting was chosen for it, by its name or
otherwise. With --protocol random, the default, seed s draws 10 % training, 10 % validation and 80 % test nodes, and the
masks of Planetoid are dropped; with --protocol public they are kept, and a seed is one of the training alone.

Rows without training are all cells: features as they are and as gnnclr.node.CompactFeatures makes them, by no
propagation, by those that auto-graph chooses among, and by the concatenation. A searched row is the cell with the best
validation accuracy. Raw features of more than 4,000 columns have the cells X and A²X alone, as a probe of them takes
minutes. Methods are trained by Run with --trainer.max_time of 20 minutes; one that had to stop says so. A linear probe
with C and scaling chosen by validation looks at the test nodes once for each finished unit, to a tolerance of 1e-4.

A finished unit is a line of auto_cells.csv or auto_runs.csv and is not repeated; a run that was killed goes on from its
checkpoint in --work. ``--criteria`` measures instead how the cells score by what needs no labels (auto_criteria.csv).
"""

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from benchmarks.common import add_out, add_root, add_seeds
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.common.recipes import Settings
from benchmarks.graphs.auto_criteria import measure_criteria
from benchmarks.pages import publish
from benchmarks.pages.auto import AUTO, cell_records, run_records
from gnnclr.eval import Split, linear_probe
from gnnclr.node import AutoGraph, CompactFeatures, load_node_data, propagated_blocks
from gnnclr.node.choice.criteria import TOL
from gnnclr.node.choice.propagation import CELLS, Blocks
from gnnclr.node.datasets.load import choose_split
from gnnclr.node.methods.auto_graph import FORMS
from gnnclr.node.sparse.propagation_blocks import CONCATENATION, blocks_text
from gnnclr.train import Run, parse_recipe

DATASETS = ("cora", "citeseer", "photo", "pubmed", "cs", "physics")
#: Methods, the cheap ones first.
METHODS = (AUTO, "sugrl", "ggd", "ccassg", "dgi", "decoupled", "decoupled-lsa", "decoupled-knn", "grace")
FEATURES = ("compact", "raw")
#: Features as they are, unpropagated and by two hops.
PLAIN = (((0.0, 0),), ((0.0, 2),))
#: The most columns of raw features whose cells are all tried.
WIDE = 4000


def graph_of(dataset: str, protocol: str, root: str) -> Data:
    """The graph with dense features, without masks where splits are random."""
    data = load_node_data(dataset, root, split_seed=None)
    data.x = data.x.to_dense()
    for key in [key for key in data.to_dict() if key.endswith("_mask")]:
        if protocol == "random":
            del data[key]
    return data


def cells_of(data: Data) -> Iterator[tuple[str, Blocks]]:
    """Features and blocks, all cells without training."""
    wide = data.num_features > WIDE
    compact = [CONCATENATION, *((cell,) for cell in CELLS), PLAIN[0]]
    yield from (("compact", blocks) for blocks in compact)
    # Features of few columns stay as they are: compact ones are the same.
    few = data.num_features <= CompactFeatures().num_components
    raw = PLAIN if wide else [*PLAIN, *((cell,) for cell in CELLS if (cell,) != PLAIN[1])]
    yield from (("raw", blocks) for blocks in ([] if few else raw))


def run_cells(args: argparse.Namespace, dataset: str, data: Data) -> None:
    """Probes all cells on the splits of all seeds; features are made once for them."""
    records, compact = cell_records(args.out), None
    seeds = range(args.seeds if args.protocol == "random" else 1)
    for features, blocks in filter(lambda cell: cell[0] in args.cells, cells_of(data)):
        key = {"dataset": dataset, "protocol": args.protocol, "features": features, "blocks": blocks_text(blocks)}
        done = records.read()
        missing = [seed for seed in seeds if (*key.values(), str(seed)) not in done]
        if not missing:
            continue
        if features == "compact" and compact is None:
            compact = CompactFeatures()(data.clone()).x.to_dense()
        start = time.perf_counter()
        z = propagated_blocks(compact if features == "compact" else data.x, data.edge_index, blocks)
        seconds = time.perf_counter() - start
        for seed in missing:
            split = Split.from_masks(choose_split(data, seed))
            records.append(**key, seed=seed, **probe(z, data.y, split), seconds=seconds)
        print(f"{dataset} {args.protocol} {features} {blocks_text(blocks)}: done", file=sys.stderr, flush=True)


def probe(z: Tensor, y: Tensor, split: Split) -> dict[str, Any]:
    """Test and validation accuracy."""
    found = linear_probe(z, y, split, tol=TOL)
    return {"test": found.test, "val": found.val, "nodes": split.val.numel()}


def run_method(args: argparse.Namespace, dataset: str, file: Path, name: str, seed: int) -> None:
    """Trains a method and probes its embeddings, unless that was done."""
    settings = Settings(name, args.overrides)
    records = run_records(args.out)
    key = {"dataset": dataset, "protocol": args.protocol, "row": name, "seed": seed, "hash": settings.hash}
    if tuple(map(str, key.values())) in records.read():
        return
    folder = args.work / f"{dataset}-{args.protocol}-{name}-{seed}"
    words = [f"--data.dataset={file}", f"--seed_everything={seed}", f"--trainer.max_time={args.max_time}"]
    words += [f"--data.split={seed}"] if args.protocol == "random" else []
    run = Run(parse_recipe(name, [*args.overrides, *words]), folder, f"{dataset} {name} {seed}")
    start = time.perf_counter()
    trained = run.train(run.checkpoint if run.checkpoint.is_file() else None)
    z = trained.data.embed(trained.method)
    seconds = time.perf_counter() - start
    found = probe(z, trained.data.labels, trained.data.split)
    steps = {"seconds": seconds, "training": trained.seconds, "steps": trained.step}
    columns = steps | {"epochs": run.recipe.trainer.max_epochs} | settings.columns
    chosen = ""
    if isinstance(trained.method, AutoGraph):
        blocks = blocks_text(trained.method.encoder.blocks)
        chosen = f"{blocks}, {trained.method.kept_form}"
        for form in FORMS[1:]:  # what would be without the choice
            trained.method.kept.fill_(FORMS.index(form))
            other = probe(trained.data.embed(trained.method), trained.data.labels, trained.data.split)
            records.append(**(key | {"row": f"{AUTO}, always {form}"}), **other, chosen=f"{blocks}, {form}", **columns)
    records.append(**key, **found, chosen=chosen, **columns)
    shutil.rmtree(folder)
    print(f"{dataset} {args.protocol} {name} seed {seed}: {100 * found['test']:.1f} {chosen}", file=sys.stderr)


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_root(p)
    add_out(p)
    p.add_argument("--datasets", nargs="+", choices=DATASETS, default=DATASETS)
    p.add_argument("--protocol", choices=("random", "public"), default="random")
    p.add_argument("--methods", nargs="*", choices=METHODS, default=METHODS)
    add_seeds(p, 5)
    p.add_argument("--max-time", default="00:00:20:00", help="the most time of a training (default: 20 minutes)")
    p.add_argument("--cells", nargs="*", choices=FEATURES, default=FEATURES, help="features of rows without training")
    p.add_argument("--criteria", action="store_true", help="scores of cells that need no labels, and nothing else")
    p.add_argument("--work", type=Path, default=Path("runs/benchmark-auto"), help="folder of runs at work")
    p.set_defaults(overrides=())
    return p


def main(argv: list[str] | None = None) -> None:
    p = parser()
    args = p.parse_args(argv)
    if args.seeds < 1:
        p.error(f"--seeds must be at least 1 (got {args.seeds})")
    torch.set_num_threads(1)
    args.work.mkdir(parents=True, exist_ok=True)
    for dataset in args.datasets if args.cells or args.criteria else ():
        data = graph_of(dataset, args.protocol, args.root)
        if args.criteria:
            measure_criteria(args.out, dataset, data)
        else:
            run_cells(args, dataset, data)
    for seed in range(0 if args.criteria else args.seeds):
        for name in args.methods:
            for dataset in args.datasets:
                file = (args.work / f"{dataset}-{args.protocol}.pt").resolve()
                if not file.exists():
                    torch.save(graph_of(dataset, args.protocol, args.root).to_dict(), file)
                run_method(args, dataset, file, name, seed)
    words = words_of(sys.argv[1:] if argv is None else argv, ("--root", "--out", "--work"))
    note_origin(args.out, "auto", ["benchmarks.graphs.auto", *words], environment(1))
    print(publish("auto", args.out))


if __name__ == "__main__":
    main()
