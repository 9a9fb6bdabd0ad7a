"""Contrast between the relations of a multiplex graph, on ACM, beside features that need no training.

    python benchmarks/multiplex.py --root DATA --seeds 5

Full batch, exact loss, one graph convolution for each relation, embeddings of the last epoch, their mean. Settings are
declared below; of 10, 20 and 40 epochs of NT-Xent 20 had the best validation accuracy, for seed 1000 that is not
reported. The rows raw features, A²X and untrained have the same split and the same probe, which chooses its settings on
the validation nodes by Micro-F1 and looks at the test nodes once; clusters and nearest nodes are of all nodes. GRACE
sees one graph, with an edge wherever a relation has one. Writes multiplex.{csv,md}. A finished run is a line of
multiplex_runs.csv and is not repeated.
"""

import argparse
import csv
import math
import os
import shlex
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from cifar10 import environment
from paired import difference, shown, verdict
from runs import Runs
from torch import Tensor
from torch_geometric.nn import MLP
from tqdm import tqdm

from gnnclr.eval import Split, results_table
from gnnclr.losses import NTXentLoss
from gnnclr.node import GRACE, FeatureMask, GCNEncoder, NodeMethod, propagate_features
from gnnclr.node.multiplex import MultiplexData, load_multiplex_data
from gnnclr.node.multiplex_contrast import MultiplexContrast
from gnnclr.node.multiplex_gcool import MultiplexGCooL
from gnnclr.node.multiplex_scores import multiplex_scores

#: Layers and width are those of DMGI and HeCo; the rest is usual.
SETTINGS = {"layers": 1, "width": 64, "act": "prelu", "norm": "batch_norm", "lr": 1e-3, "weight_decay": 1e-5}
SETTINGS |= {"temperature": 0.4, "mask": 0.3, "communities": 3}
SCORES = {"Micro-F1": "micro_f1", "Macro-F1": "macro_f1", "NMI": "nmi", "ARI": "ari", "Sim@5": "sim5"}
MEASURES = (*SCORES, "seconds an epoch", "validation")
PLAIN, UNTRAINED = "NT-Xent", "untrained"


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
    views = (FeatureMask(SETTINGS["mask"]), FeatureMask(SETTINGS["mask"]))
    return GRACE(encoder(data), projector(), views, NTXentLoss(SETTINGS["temperature"]))


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


def train(method: NodeMethod, data, epochs: int, note: str) -> float:
    """Trains in place and returns the median seconds of an epoch."""
    optimizer = torch.optim.Adam(method.parameters(), lr=SETTINGS["lr"], weight_decay=SETTINGS["weight_decay"])
    seconds = []
    for epoch in (bar := tqdm(range(epochs), desc=note, leave=False)):
        start = time.perf_counter()
        method.start_epoch(epoch)
        optimizer.zero_grad()
        loss, _ = method.training_step_loss(data)
        loss.backward()
        optimizer.step()
        method.after_optimizer_step()
        bar.set_postfix(loss=f"{loss.item():.3f}")  # which waits for the device
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def run(data: MultiplexData, name: str, seed: int, epochs: int, device: str) -> dict[str, float]:
    """Trains a method and scores it; features are scored as they are."""
    torch.manual_seed(seed)
    if name in FEATURES:
        return scores(FEATURES[name](data), data)
    method, found = METHODS[name](data, epochs).to(device), {}
    graph = (data.union() if isinstance(method, GRACE) else data).to(device)
    if name != UNTRAINED:
        found["seconds an epoch"] = train(method, graph, epochs, f"{name}, seed {seed}")
    return found | scores(method.embed(graph).cpu(), data)


def write(rows: dict[str, list[dict[str, str]]], folder: Path, command: str, notes: dict[str, str]) -> str:
    """Writes ``multiplex.csv`` and ``.md``; returns the text."""
    table, cells = [], {}
    for name, lines in rows.items():
        columns = {measure: [float(line[measure]) for line in lines] for measure in MEASURES}
        row = {"row": name, "seeds": len(lines)}
        for measure, values in columns.items():
            row[measure] = f"{statistics.fmean(values):.4g}"
            several = len(values) > 1 and not math.isnan(sum(values))
            row[f"{measure}, std"] = f"{statistics.stdev(values):.3g}" if several else "nan"
        table.append(row | notes)
        cells[name] = {"seeds": str(len(lines))} | {measure: columns[measure] for measure in SCORES}
        if name in METHODS and name not in (PLAIN, UNTRAINED) and len(lines) == len(rows.get(PLAIN, [])):
            base = [float(line["Micro-F1"]) for line in rows[PLAIN]]
            gain, deviation, half = (100 * value for value in difference(columns["Micro-F1"], base))
            cells[name][f"Micro-F1, less that of {PLAIN}"] = f"{shown(gain, deviation)}, {verdict(gain, half)}"
    with (folder / "multiplex.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    text = "\n\n".join(
        [
            "# Contrast between relations, ACM",
            "Percent, mean ± standard deviation over seeds. F1 of a linear probe on the test nodes, whose settings "
            "validation chooses; NMI and ARI of k-means and the share of a node's five nearest that are of its class "
            "(Sim@5) over all nodes. Embeddings of the last epoch; settings are declared, the number of epochs "
            "chosen by validation. A difference is paired by seed, and clear where the 95 % interval of Student's t "
            "leaves out zero.",
            f"`{command}`; {', '.join(f'{key} {value}' for key, value in notes.items())}.",
            results_table(cells, corner="ACM"),
        ]
    )
    (folder / "multiplex.md").write_text(text + "\n", encoding="utf-8")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=os.environ.get("GNNCLR_DATA"), help="default: $GNNCLR_DATA")
    parser.add_argument("--rows", nargs="+", choices=[*FEATURES, *METHODS], default=[*FEATURES, *METHODS])
    parser.add_argument("--labels-per-class", type=int, choices=(20, 40, 60), default=20)
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 to N-1")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--device", default="cpu", help="where methods are trained (default: cpu)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    if args.root is None:
        parser.error("--root must be given, or GNNCLR_DATA be set")
    if min(args.seeds, args.epochs) < 1:
        parser.error("--seeds and --epochs must be at least 1")

    torch.set_num_threads(args.threads)
    data = load_multiplex_data("acm", args.root, labels_per_class=args.labels_per_class)
    runs = Runs(args.out / "multiplex_runs.csv", "row", MEASURES, len(SCORES))
    split = {"labels per class": args.labels_per_class}
    trained = split | SETTINGS | {"epochs": args.epochs, "device": args.device, "threads": args.threads}
    rows: dict[str, list[dict[str, str]]] = {name: [] for name in args.rows}
    for seed in range(args.seeds):
        for name in args.rows:
            if name in METHODS or seed == 0:
                settings = trained if name in METHODS else split
                made = partial(run, data, name, seed, args.epochs, args.device)
                rows[name].append(runs.get(name, seed, settings, made))
    command = ["python", "benchmarks/multiplex.py", f"--seeds={args.seeds}", f"--epochs={args.epochs}"]
    command += [f"--labels-per-class={args.labels_per_class}", f"--device={args.device}"]
    command += [] if args.rows == [*FEATURES, *METHODS] else ["--rows", *args.rows]
    print(write(rows, args.out, shlex.join(command), environment(args)))


if __name__ == "__main__":
    main()
