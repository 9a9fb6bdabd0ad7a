"""Contrast between the relations of a multiplex graph, on ACM, beside features that need no training.

    python -m benchmarks.graphs.multiplex --root DATA --seeds 5

Full batch, exact loss, one graph convolution for each relation, embeddings of the last epoch, their mean. Settings are
those of the recipes multiplex-acm and multiplex-gcool-acm, with the overrides below; of 10, 20 and 40 epochs of NT-Xent
20 had the best validation accuracy, for seed 1000 that is not reported. The rows raw features, A²X and untrained have
the same split and the same probe, which chooses its settings on the validation nodes by Micro-F1 and looks at the test
nodes once; clusters and nearest nodes are of all nodes. GRACE sees one graph, with an edge wherever a relation has one.
A finished run is a line of multiplex_runs.csv and is not repeated.
"""

import argparse
import statistics
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks.common import add_device, add_out, add_root, add_seeds, add_threads
from benchmarks.common.machine import environment, note_origin
from benchmarks.common.recipes import Settings, override, part
from benchmarks.graphs.grace_recipes import METHOD
from benchmarks.graphs.training import fit
from benchmarks.pages import publish
from benchmarks.pages.multiplex import PLAIN, SCORES, UNTRAINED, multiplex_records
from gnnclr.eval import Split
from gnnclr.eval.multiplex_scores import multiplex_scores
from gnnclr.node import GRACE, propagate_features
from gnnclr.node.datasets.multiplex import MultiplexData, load_multiplex_data

#: The encoder of a relation: layers and width are those of DMGI and HeCo.
ENCODER = {"hidden_channels": 64, "out_channels": 64, "num_layers": 1, "act": "prelu", "norm": "batch_norm"}
#: GRACE with the parts of the other rows; no edge is dropped.
AS_OTHERS = (
    *(override(f"{METHOD}.encoder.{name}", value) for name, value in ENCODER.items()),
    override(f"{METHOD}.projector.channel_list", [64, 64, 64]),
    override(f"{METHOD}.views", [part("gnnclr.node.FeatureMask", p=0.3)] * 2),
    override(f"{METHOD}.loss.temperature", 0.4),
)
NTXENT = Settings("multiplex-acm")
#: Methods, and their settings but for the number of epochs.
METHODS = {
    UNTRAINED: NTXENT,
    PLAIN: NTXENT,
    "NT-Xent, nothing masked": Settings("multiplex-acm", (override(f"{METHOD}.views", None),)),
    "NT-Xent, one encoder": Settings(
        "multiplex-acm", (override(f"{METHOD}.encoder", part("gnnclr.node.GCNEncoder", in_channels=-1, **ENCODER)),)
    ),
    "NT-Xent, relations joined": Settings("multiplex-acm", (override(f"{METHOD}.fusion", "cat"),)),
    "gCooL": Settings("multiplex-gcool-acm"),
    "GRACE on the union": Settings("grace", AS_OTHERS),
}
#: Features that need no training, and have no seed.
FEATURES: dict[str, Callable[[MultiplexData], Tensor]] = {
    "raw features": lambda data: data.x.to_dense(),
    "A²X of each relation, joined": lambda data: torch.cat(
        [propagate_features(view.x, view.edge_index) for view in data.views()], dim=1
    ),
    "A²X of the union": lambda data: propagate_features(data.x, data.union().edge_index),
}


def scores(z: Tensor, data: MultiplexData) -> dict[str, float]:
    found = multiplex_scores(z, data.y, Split.from_masks(data))
    return {name: getattr(found, field) for name, field in SCORES.items()} | {"validation": found.val_micro_f1}


def settings_of(name: str, epochs: int) -> Settings:
    """The settings of a method for a number of epochs, which gCooL's schedule follows."""
    base = METHODS[name]
    if base.epochs == epochs:
        return base
    changed = [override("trainer.max_epochs", epochs)]
    changed += [override(f"{METHOD}.stride", epochs)] if name == "gCooL" else []
    return base.with_overrides(*changed)


def run(data: MultiplexData, name: str, seed: int, settings: Settings | None, device: str) -> dict[str, float]:
    """Trains a method and scores it; features, which have no settings, are scored as they are."""
    torch.manual_seed(seed)
    if settings is None:
        return scores(FEATURES[name](data), data)
    module, found = settings.build(data.num_features, int(data.y.max()) + 1).to(device), {}
    graph = (data.union() if isinstance(module.method, GRACE) else data).to(device)
    if name != UNTRAINED:
        seconds = fit(module, [graph], settings.epochs, f"{name}, seed {seed}")
        found["seconds an epoch"] = statistics.median(seconds)
    return found | scores(module.method.embed(graph).cpu(), data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_root(parser)
    parser.add_argument("--rows", nargs="+", choices=[*FEATURES, *METHODS], default=[*FEATURES, *METHODS])
    parser.add_argument("--labels-per-class", type=int, choices=(20, 40, 60), default=20)
    add_seeds(parser, 5)
    parser.add_argument("--epochs", type=int, default=20)
    add_device(parser)
    add_threads(parser)
    add_out(parser)
    args = parser.parse_args()
    if min(args.seeds, args.epochs) < 1:
        parser.error("--seeds and --epochs must be at least 1")

    torch.set_num_threads(args.threads)
    data = load_multiplex_data("acm", args.root, labels_per_class=args.labels_per_class)
    records = multiplex_records(args.out)
    split = {"labels per class": args.labels_per_class}
    where = {"device": args.device, "threads": args.threads}
    for seed in range(args.seeds):
        for name in args.rows:
            if name in METHODS or seed == 0:
                settings = settings_of(name, args.epochs) if name in METHODS else None
                own = {} if settings is None else where | {"hash": settings.hash}
                made = partial(run, data, name, seed, settings, args.device)
                columns = {} if settings is None else settings.columns
                records.once(made, SCORES, row=name, seed=seed, settings=split | own, **columns)
    command = ["benchmarks.graphs.multiplex", f"--seeds={args.seeds}", f"--epochs={args.epochs}"]
    command += [f"--labels-per-class={args.labels_per_class}", f"--device={args.device}"]
    command += [] if args.rows == [*FEATURES, *METHODS] else ["--rows", *args.rows]
    note_origin(args.out, "multiplex", command, environment(args.threads, args.device))
    print(publish("multiplex", args.out))


if __name__ == "__main__":
    main()
