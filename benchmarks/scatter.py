"""What torch-scatter changes: a step of encoders that gather and scatter, and of a contrastive layer with attention.

    python -m benchmarks.scatter

PyG takes its kernels where the package is installed and its own operations elsewhere; each is measured in a process of
its own, the fastest of some steps, in turns. Graphs are generated: 2,708 nodes and 10,556 directed edges with 256
features, which is Cora's size but for the features, and 20,000 nodes and 200,000 edges. Writes scatter.csv.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable

import torch

from benchmarks.common import add_out, add_threads
from benchmarks.common.cells import measure_alone
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.pages import publish
from benchmarks.pages.scatter import STEPS, scatter_records

SIZES = {"small": (2708, 10_556), "large": (20_000, 200_000)}
PACKAGES = ("torch", "torch-geometric", "torch-scatter")


def encoder_step(model: str, size: str) -> Callable[[], object]:
    """Forward and backward pass of two layers."""
    from gnnclr.node import GCNEncoder, PyGEncoder

    n, e = SIZES[size]
    x, edge_index = torch.randn(n, 256), torch.randint(n, (2, e))
    encoder = GCNEncoder(256, 128, 128) if model == "GCNEncoder" else PyGEncoder(model, 256, 128, 128)
    return lambda: encoder(x, edge_index).square().mean().backward()


def layer_step(size: str) -> Callable[[], object]:
    """The message of positives by attention: ten neighbors of each view."""
    from torch.nn.functional import normalize

    from gnnclr.graph import AddKNNPositives, augmentation_graph
    from gnnclr.nn.attention import AttentionAlignmentConv, CosineAttention

    views = [normalize(torch.randn({"small": 1024, "large": 8192}[size], 128), dim=1) for _ in range(2)]
    graph = AddKNNPositives(k=10)(augmentation_graph(views))
    conv = AttentionAlignmentConv(0.2, CosineAttention())
    return lambda: conv(graph.x, graph)


def cell(model: str, size: str, with_it: bool, threads: int) -> dict[str, float]:
    """The seconds of a step, the best of three seconds' worth."""
    if not with_it:
        sys.modules["torch_scatter"] = None  # pyright: ignore[reportArgumentType]
    import torch_geometric.typing

    if with_it != torch_geometric.typing.WITH_TORCH_SCATTER:
        raise RuntimeError("torch-scatter is not installed: pip install --no-build-isolation torch-scatter")
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    step = layer_step(size) if model == "attention" else encoder_step(model, size)
    step(), step()
    times, begin = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - begin < 3:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return {"seconds": min(times)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_threads(parser)
    parser.add_argument("--turns", type=int, default=2)
    add_out(parser)
    parser.add_argument("--cell", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.cell is not None:
        print(json.dumps(cell(args.cell[0], args.cell[1], args.cell[2] == "with", args.threads)))
        return
    records, env = scatter_records(args.out), environment(args.threads, packages=PACKAGES)
    for model in STEPS:
        for size in SIZES:
            found: dict[str, list[float]] = {"with": [], "without": []}
            for _ in range(args.turns):
                for which, seconds in found.items():
                    words = ["--threads", str(args.threads), "--cell", model, size, which]
                    seconds.append(measure_alone("benchmarks.scatter", words)["seconds"])
            records.put([{"step": model, "size": size} | {which: min(times) for which, times in found.items()}])
            print(f"{model}, {size}: {min(found['with']):.4f}, {min(found['without']):.4f} s", file=sys.stderr)
    note_origin(args.out, "scatter", ["benchmarks.scatter", *words_of(sys.argv[1:])], env)
    print(publish("scatter", args.out))


if __name__ == "__main__":
    main()
