"""Contrast between the relations of a multiplex graph, on ACM, beside features that need no training.

    python -m benchmarks.graphs.multiplex --root DATA --seeds 5

Full batch, exact loss, one graph convolution for each relation, embeddings of the last epoch, their mean. Settings are
declared below; of 10, 20 and 40 epochs of NT-Xent 20 had the best validation accuracy, for seed 1000 that is not
reported. The rows raw features, A²X and untrained have the same split and the same probe, which chooses its settings on
the validation nodes by Micro-F1 and looks at the test nodes once; clusters and nearest nodes are of all nodes. GRACE
sees one graph, with an edge wherever a relation has one. A finished run is a line of multiplex_runs.csv and is not
repeated.
"""

import argparse
import statistics
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch_geometric.nn import MLP

from benchmarks.common import add_out, add_root
from benchmarks.common.machine import environment, note_origin
from benchmarks.graphs import builders
from benchmarks.graphs.training import fit
from benchmarks.pages import publish
from benchmarks.pages.multiplex import PLAIN, SCORES, UNTRAINED, multiplex_records
from gnnclr.eval import Split
from gnnclr.eval.multiplex_scores import multiplex_scores
from gnnclr.losses import NTXentLoss
from gnnclr.node import GRACE, FeatureMask, GCNEncoder, NodeMethod, propagate_features
from gnnclr.node.datasets.multiplex import MultiplexData, load_multiplex_data
from gnnclr.node.methods.multiplex_contrast import MultiplexContrast
from gnnclr.node.methods.multiplex_gcool import MultiplexGCooL

#: Layers and width are those of DMGI and HeCo; the rest is usual.
SETTINGS = {"layers": 1, "width": 64, "act": "prelu", "norm": "batch_norm", "lr": 1e-3, "weight_decay": 1e-5}
SETTINGS |= {"temperature": 0.4, "mask": 0.3, "communities": 3}


def encoder(data: MultiplexData) -> GCNEncoder:
    width = SETTINGS["width"]
    return GCNEncoder(data.num_features, width, width, SETTINGS["layers"], SETTINGS["act"], SETTINGS["norm"])


def encoders(data: MultiplexData) -> list[GCNEncoder]:
    return [encoder(data) for _ in data.relations]


def projector() -> MLP:
    return MLP([SETTINGS["width"]] * 3, act="elu", norm=None)


def contrast(data: MultiplexData, shared: bool = False, mask: bool = True, fusion: str = "mean") -> MultiplexContrast:
    parts = encoder(data) if shared else encoders(data)
    views = FeatureMask(SETTINGS["mask"]) if mask else None
    return MultiplexContrast(parts, NTXentLoss(SETTINGS["temperature"]), projector(), views, fusion=fusion)


def gcool(data: MultiplexData, epochs: int) -> MultiplexGCooL:
    settings = {"num_communities": SETTINGS["communities"], "temperature": SETTINGS["temperature"], "stride": epochs}
    return MultiplexGCooL(encoders(data), projector(), views=FeatureMask(SETTINGS["mask"]), **settings)


def grace(data: MultiplexData) -> GRACE:
    width = SETTINGS["width"]
    named = {"hidden": width, "out": width, "act_last": True, "projector": [width, width], "batch_size": None}
    method = builders.grace(data, SETTINGS | named | {"edge": [0.0, 0.0], "feature": [0.0, 0.0]})
    method.views = (FeatureMask(SETTINGS["mask"]), FeatureMask(SETTINGS["mask"]))  # no edge is dropped
    return method


#: Methods, each made of the graph and the number of epochs.
METHODS: dict[str, Callable[[MultiplexData, int], NodeMethod]] = {
    UNTRAINED: lambda data, epochs: contrast(data),
    PLAIN: lambda data, epochs: contrast(data),
    "NT-Xent, nothing masked": lambda data, epochs: contrast(data, mask=False),
    "NT-Xent, one encoder": lambda data, epochs: contrast(data, shared=True),
    "NT-Xent, relations joined": lambda data, epochs: contrast(data, fusion="cat"),
    "gCooL": gcool,
    "GRACE on the union": lambda data, epochs: grace(data),
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


def run(data: MultiplexData, name: str, seed: int, epochs: int, device: str) -> dict[str, float]:
    """Trains a method and scores it; features are scored as they are."""
    torch.manual_seed(seed)
    if name in FEATURES:
        return scores(FEATURES[name](data), data)
    method, found = METHODS[name](data, epochs).to(device), {}
    graph = (data.union() if isinstance(method, GRACE) else data).to(device)
    if name != UNTRAINED:
        seconds = fit(method, [graph], SETTINGS | {"epochs": epochs}, f"{name}, seed {seed}")
        found["seconds an epoch"] = statistics.median(seconds)
    return found | scores(method.embed(graph).cpu(), data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_root(parser)
    parser.add_argument("--rows", nargs="+", choices=[*FEATURES, *METHODS], default=[*FEATURES, *METHODS])
    parser.add_argument("--labels-per-class", type=int, choices=(20, 40, 60), default=20)
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 to N-1")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--device", default="cpu", help="where methods are trained (default: cpu)")
    parser.add_argument("--threads", type=int, default=1)
    add_out(parser)
    args = parser.parse_args()
    if min(args.seeds, args.epochs) < 1:
        parser.error("--seeds and --epochs must be at least 1")

    torch.set_num_threads(args.threads)
    data = load_multiplex_data("acm", args.root, labels_per_class=args.labels_per_class)
    records = multiplex_records(args.out)
    split = {"labels per class": args.labels_per_class}
    trained = split | SETTINGS | {"epochs": args.epochs, "device": args.device, "threads": args.threads}
    for seed in range(args.seeds):
        for name in args.rows:
            if name in METHODS or seed == 0:
                settings = trained if name in METHODS else split
                made = partial(run, data, name, seed, args.epochs, args.device)
                records.once(made, SCORES, row=name, seed=seed, settings=settings)
    command = ["benchmarks.graphs.multiplex", f"--seeds={args.seeds}", f"--epochs={args.epochs}"]
    command += [f"--labels-per-class={args.labels_per_class}", f"--device={args.device}"]
    command += [] if args.rows == [*FEATURES, *METHODS] else ["--rows", *args.rows]
    note_origin(args.out, "multiplex", command, environment(args.threads, args.device))
    print(publish("multiplex", args.out))


if __name__ == "__main__":
    main()
