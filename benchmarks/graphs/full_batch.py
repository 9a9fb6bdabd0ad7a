"""An epoch of exact contrast between all nodes of a graph, with community-aware negatives: time and peak memory.

    python -m benchmarks.graphs.full_batch --root DATA --datasets pubmed physics

GRACE, two graph convolutions of width 256 and projections of 128 numbers; every node is contrasted with every other of
both views, and pairs are left out or weighted by communities, exactly. Every row runs in a process of its own; peak
memory is over data and libraries, the optimizer, communities and neighbors included, but for what only finding them
took. Seconds are the median of two epochs. Rows are added to full_batch.csv, or take the place of those of the same
graph and rule.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable

import torch
from torch_geometric.data import Data

from benchmarks.common import add_out, add_root, add_threads
from benchmarks.common.cells import measure_alone
from benchmarks.common.machine import environment, note_origin
from benchmarks.common.memory import watch_peak
from benchmarks.graphs import community_rules
from benchmarks.graphs.grace_recipes import EPOCH_OF_ALL, build
from benchmarks.graphs.training import fit
from benchmarks.pages import publish
from benchmarks.pages.full_batch import full_batch_records
from gnnclr.graph.communities import ExcludeCommunity, WeighCommunity
from gnnclr.node import Checkpointed, load_node_data

RULES: dict[str, Callable[[Data], object]] = {
    "all other nodes repel": lambda data: None,
    "own community left out": lambda data: ExcludeCommunity(community_rules.communities(data)),
    "own community weighs 0.2": lambda data: WeighCommunity(community_rules.communities(data), rho=0.2),
    "co-association weighs": community_rules.RULES["co-association weighs"],
    "community left out, 30 neighbors attract": community_rules.RULES["Louvain out, 30 attract"],
}
EPOCHS = 2


def cell(name: str, rule: str, args: argparse.Namespace) -> dict[str, float]:
    """One row, in a process of its own."""
    torch.set_num_threads(args.threads)
    data = load_node_data(name, args.root)
    rewire = RULES[rule](data)
    torch.manual_seed(0)
    small = Data(x=torch.rand(64, data.num_features), edge_index=torch.randint(64, (2, 256)))
    fit(build(EPOCH_OF_ALL, small), [small], EPOCHS)  # what the first call of anything costs
    peak = watch_peak(torch.device("cpu"))
    module = build(EPOCH_OF_ALL, data)
    module.method.rewire = rewire
    if args.checkpointed:
        module.method.encoder = Checkpointed(module.method.encoder)
    seconds = statistics.median(fit(module, [data], EPOCHS, f"{name}, {rule}"))
    return {"nodes": data.num_nodes, "edges": data.num_edges, "seconds an epoch": seconds, "peak MB": peak()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_root(parser)
    parser.add_argument("--datasets", nargs="+", default=["pubmed", "physics"])
    parser.add_argument("--rules", nargs="+", choices=list(RULES), default=list(RULES), metavar="RULE")
    parser.add_argument("--checkpointed", action="store_true", help="compute the layers again in the backward pass")
    add_threads(parser, 2)
    add_out(parser)
    parser.add_argument("--cell", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.cell is not None:
        print(json.dumps(cell(*args.cell, args)))
        return

    records, env = full_batch_records(args.out), environment(args.threads)
    for name in args.datasets:
        for rule in args.rules:
            row = measure_alone("benchmarks.graphs.full_batch", [*sys.argv[1:], "--cell", name, rule])
            records.put([{"dataset": name, "rule": rule} | row | env])
            print(f"{name}, {rule}: {row['peak MB']:,.0f} MB", file=sys.stderr, flush=True)
    command = ["benchmarks.graphs.full_batch", "--datasets", *args.datasets, f"--threads={args.threads}"]
    note_origin(args.out, "full_batch", command + ["--checkpointed"] * args.checkpointed, env)
    print(publish("full_batch", args.out))


if __name__ == "__main__":
    main()
