"""An epoch of contrastive training on a large graph: time and peak memory of four ways to make batches.

    python -m benchmarks.graphs.large --scale 1    # of ogbn-arxiv: 169,343 nodes, 1,166,243 undirected edges
    python -m benchmarks.graphs.large --scale 10

The graph is generated (gnnclr.node.sparse_sbm). A method sees each node once an epoch: an MLP on views that were
propagated once (Decoupled), or GRACE on batches that communities or random nodes induce. GRACE on the full graph takes
time quadratic in the nodes; beyond --exact-nodes it is not run but extrapolated from a graph of that many nodes and the
same mean degree: the loss by the square of the ratio, the rest and memory by the ratio. Such rows say so. Accuracy is
that of a linear probe on a sample of nodes after the epochs that were timed, which are too few to compare methods by;
it shows that something was learnt. Every row runs in a process of its own, so that peak memory is its own. Rows are
added to large.csv, or take the place of those of the same scale and route.
"""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from benchmarks.common import add_out, add_threads
from benchmarks.common.cells import measure_alone
from benchmarks.common.machine import environment, words_of
from benchmarks.common.memory import watch_peak
from benchmarks.common.recipes import Settings
from benchmarks.graphs.training import fit
from benchmarks.pages import publish
from benchmarks.pages.large import FULL, MEASURES, large_records
from gnnclr.eval import Split, linear_probe
from gnnclr.graph.communities import louvain, merge_small
from gnnclr.node import propagate_features
from gnnclr.node.datasets.sparse_sbm import sparse_sbm
from gnnclr.node.encoders.layer_wise import layer_wise_embed
from gnnclr.node.loader.batches import CommunityLoader, RandomNodeLoader
from gnnclr.train import ContrastiveModule

NODES, EDGES = 169_343, 1_166_243
FEATURES = 128
PROBED = {"train": 2000, "val": 1000, "test": 4000}
#: Batches are made here.
GRACE = Settings("grace-arxiv", ("--data.loader=null", "--model.optimizer.weight_decay=0.0"))


class AlignmentOnly(nn.Module):
    """A loss without negatives, linear in the nodes: what is left of a step is the encoder's."""

    def forward(self, x: Tensor, graph: Data) -> Tensor:
        z0, z1 = x.chunk(2)
        return -(z0 * z1).sum(dim=1).mean()


def generate(nodes: int, edges: int, seed: int) -> Data:
    return sparse_sbm(nodes, edges, num_features=FEATURES, seed=seed)


def grace(data: Data, loss: nn.Module | None = None) -> ContrastiveModule:
    module = GRACE.build(data.num_features)
    module.method.loss = module.method.loss if loss is None else loss
    return module


class Counted:
    """Batches whose edges are counted."""

    def __init__(self, batches: Iterable[Data]):
        self.batches, self.edges = batches, 0

    def __iter__(self) -> Iterator[Data]:
        for batch in self.batches:
            self.edges += batch.num_edges
            yield batch


def train(module: ContrastiveModule, batches: Iterable[Data], epochs: int) -> tuple[float, float]:
    """Trains; returns the seconds of the fastest epoch, and the edges of an epoch."""
    counted = Counted(batches)
    seconds = fit(module, counted, epochs)
    return min(seconds), counted.edges / epochs


def accuracy(z: Tensor, data: Data) -> float:
    """A linear probe on random nodes of each part of the split."""
    rows = {}
    for name, count in PROBED.items():
        nodes = data[f"{name}_mask"].nonzero().view(-1)
        rows[name] = nodes[torch.randperm(nodes.numel(), generator=torch.Generator().manual_seed(0))[:count]]
    index, sizes = torch.cat(list(rows.values())), [len(part) for part in rows.values()]
    split = Split(*torch.arange(index.numel()).split(sizes))
    return linear_probe(z[index], data.y[index], split).test


def propagated(data: Data, args: argparse.Namespace) -> dict[str, float]:
    start = time.perf_counter()
    z = propagate_features(data.x, data.edge_index)
    return {"preparation": time.perf_counter() - start, "z": z}


def decoupled(data: Data, args: argparse.Namespace) -> dict[str, float]:
    sizes = (f"--model.method.batch_size={args.batch}", f"--model.method.copies={args.copies}")
    module = Settings("decoupled-arxiv", sizes).build(data.num_features)
    start = time.perf_counter()
    module.method.training_step_loss(data)  # makes the cache
    preparation = time.perf_counter() - start
    seconds, _ = train(module, [data] * -(-data.num_nodes // args.batch), args.epochs)
    return {"preparation": preparation, "seconds": seconds, "kept": 1.0, "z": lambda: module.method.embed(data)}


def subgraphs(data: Data, args: argparse.Namespace, community: bool) -> dict[str, float]:
    start = time.perf_counter()
    if community:
        found = louvain(data.edge_index, data.num_nodes, args.resolution)
        loader = CommunityLoader(data, merge_small(found, data.edge_index, 20), args.batch)
    else:
        loader = RandomNodeLoader(data, args.batch)
    preparation, module = time.perf_counter() - start, grace(data)
    seconds, edges = train(module, loader, args.epochs)
    row = {"preparation": preparation, "seconds": seconds, "kept": edges / data.num_edges}
    return row | {"z": lambda: layer_wise_embed(module.method.encoder, data)}


def full_batch(data: Data, args: argparse.Namespace) -> dict[str, float]:
    module, nodes = grace(data), args.nodes
    seconds, _ = train(module, [data], max(3, args.epochs))
    if data.num_nodes == nodes:
        return {"seconds": seconds, "kept": 1.0, "z": lambda: layer_wise_embed(module.method.encoder, data)}
    encoder, ratio = train(grace(data, AlignmentOnly()), [data], 3)[0], nodes / data.num_nodes
    return {"seconds": encoder * ratio + (seconds - encoder) * ratio**2, "kept": 1.0, "ratio": ratio}


ROUTES = {
    "A²X, no training": propagated,
    "MLP on propagated views": decoupled,
    "communities": lambda data, args: subgraphs(data, args, community=True),
    "random nodes": lambda data, args: subgraphs(data, args, community=False),
    FULL: full_batch,
}


def cell(route: str, args: argparse.Namespace) -> dict[str, float]:
    """One row, in a process of its own."""
    torch.set_num_threads(args.threads)
    nodes, edges = args.nodes, args.edges
    if route == FULL and nodes > args.exact_nodes:
        nodes, edges = args.exact_nodes, round(args.edges * args.exact_nodes / args.nodes)
    data = generate(nodes, edges, args.seed)
    torch.manual_seed(args.seed)
    small = generate(2000, 4000, 0)
    train(grace(small), [small], 2)  # what the first call of anything costs
    peak = watch_peak(torch.device("cpu"))
    row = dict.fromkeys(MEASURES, float("nan")) | ROUTES[route](data, args)
    ratio, z = row.pop("ratio", 0.0), row.pop("z", None)
    row["peak"] = (peak() or float("nan")) * (ratio or 1.0)
    if z is not None:
        row["accuracy"] = accuracy(z() if callable(z) else z, data)
    return row | {"from_nodes": nodes if ratio else 0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="multiple of the nodes and edges of ogbn-arxiv")
    parser.add_argument("--routes", nargs="+", choices=list(ROUTES), default=list(ROUTES), metavar="ROUTE")
    parser.add_argument("--batch", type=int, default=2048, help="nodes of a batch")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--copies", type=int, default=4, help="cached views of the MLP")
    parser.add_argument("--resolution", type=float, default=1.0, help="of Louvain")
    parser.add_argument("--exact-nodes", type=int, default=8192, help="most nodes of a full batch that is run")
    add_threads(parser)
    parser.add_argument("--seed", type=int, default=0)
    add_out(parser)
    parser.add_argument("--cell", choices=list(ROUTES), help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.nodes, args.edges = round(NODES * args.scale), round(EDGES * args.scale)
    if args.cell is not None:
        print(json.dumps(cell(args.cell, args)))
        return

    own = sys.argv[1:]
    size = {"scale": f"{args.scale:g}", "nodes": args.nodes, "edges": args.edges, "batch": args.batch}
    size |= {"epochs": args.epochs, "command": shlex.join(["python", "-m", "benchmarks.graphs.large", *words_of(own)])}
    rows = []
    for route in args.routes:
        try:
            row = measure_alone("benchmarks.graphs.large", [*own, "--cell", route])
        except RuntimeError as error:  # such as out of memory: the other rows are worth having
            print(f"{route}: failed: {error}", file=sys.stderr, flush=True)
            continue
        rows.append({"route": route} | size | row | environment(args.threads))
        shown = ", ".join(f"{name} {row[name]:.3g}" for name in MEASURES)
        print(f"{route}: {shown}", file=sys.stderr, flush=True)
    large_records(args.out).put(rows)
    print(publish("large", args.out))


if __name__ == "__main__":
    main()
