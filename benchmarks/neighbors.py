"""The graph of the 10 nearest neighbors of generated embeddings: seconds, recall and memory of each kind of search.

    python -m benchmarks.neighbors
    python -m benchmarks.neighbors --sizes 2000 50000

Embeddings are directions with 128 numbers in 100 clusters of 16 dimensions, beside a little noise in all dimensions, as
encoders make them. Every row is measured in a process of its own; peak memory is over the embeddings and libraries.
Recall is that of 1,000 samples. Exact searches among more than 50,000 samples are those of 10,000 of them, and their
seconds are scaled to all. Rows are added to neighbors.csv, or take the place of those of the same size and kind.
"""

import argparse
import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.common import add_out, add_threads
from benchmarks.common.cells import measure_alone
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.common.memory import watch_peak
from benchmarks.pages import publish
from benchmarks.pages.neighbors import SEARCHES, neighbors_records
from gnnclr.graph import KNNIndex

K, DIM, CLUSTERS, RANK = 10, 128, 100, 16
PACKAGES = ("torch", "faiss-cpu")
#: The most samples of which an exact search is measured whole, and how many are searched of more.
WHOLE, PART = 50_000, 10_000


def embeddings(n: int, seed: int = 0) -> Tensor:
    """Directions in clusters, each of which lies in few dimensions."""
    generator = torch.Generator().manual_seed(seed)
    center = F.normalize(torch.randn(CLUSTERS, DIM, generator=generator), dim=1)
    basis = torch.randn(CLUSTERS, RANK, DIM, generator=generator) / DIM**0.5
    cluster, x = torch.randint(CLUSTERS, (n,), generator=generator), torch.empty(n, DIM)
    for c in range(CLUSTERS):
        members = (cluster == c).nonzero().squeeze(1)
        inside = torch.randn(len(members), RANK, generator=generator) / RANK**0.5 @ basis[c]
        noise = torch.randn(len(members), DIM, generator=generator) / DIM**0.5
        x[members] = center[c] + 0.5 * inside + 0.1 * noise
    return F.normalize(x, dim=1)


def cell(n: int, search: str, threads: int) -> dict[str, float]:
    """One row, in a process of its own."""
    torch.set_num_threads(threads)
    kind, backend = SEARCHES[search]
    if backend == "faiss":
        import faiss

        faiss.omp_set_num_threads(threads)
    small, x = embeddings(1000), embeddings(n)
    _graph(small, kind, backend, torch.arange(1000))  # what the first call of anything costs
    sample = torch.randperm(n, generator=torch.Generator().manual_seed(1))
    queries = sample if search in ("IVF", "HNSW") or n <= WHOLE else sample[:PART]
    peak = watch_peak(torch.device("cpu"))
    build, seconds, found = _graph(x, kind, backend, queries)
    row = {"seconds": build + seconds * n / len(queries), "building": build, "searched": len(queries), "MB": peak()}
    exact = _graph(x, "flat", "torch", queries[:1000])[2]
    recall = (exact[:, :, None] == found[:1000, None]).any(dim=2).double().mean()
    return row | {"recall": float(recall)}


def _graph(x: Tensor, kind: str, backend: str, queries: Tensor) -> tuple[float, float, Tensor]:
    """The seconds of building and of searching, and the neighbors."""
    index, start = KNNIndex(kind, cosine=True, backend=backend), time.perf_counter()
    index.add(x)
    built = time.perf_counter()
    found = index.search(x[queries], K, exclude=queries).index
    return built - start, time.perf_counter() - built, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 10_000, 50_000, 200_000])
    add_threads(parser, 2)
    parser.add_argument("--repeats", type=int, default=2, help="the fastest of so many counts")
    add_out(parser)
    parser.add_argument("--cell", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.cell is not None:
        print(json.dumps(cell(int(args.cell[0]), args.cell[1], args.threads)))
        return

    records, env = neighbors_records(args.out), environment(args.threads, packages=PACKAGES)
    for n in args.sizes:
        for search in SEARCHES:
            words = ["--threads", str(args.threads), "--cell", str(n), search]
            rows = [measure_alone("benchmarks.neighbors", words) for _ in range(args.repeats if n <= WHOLE else 1)]
            row = min(rows, key=lambda found: found["seconds"])
            records.put([{"samples": n, "search": search} | row | env])
            print(f"{n:,}, {search}: {row['seconds']:.2f} s, recall {row['recall']:.3f}", file=sys.stderr, flush=True)
    note_origin(args.out, "neighbors", ["benchmarks.neighbors", *words_of(sys.argv[1:])], env)
    print(publish("neighbors", args.out))


if __name__ == "__main__":
    main()
