"""One step of the losses in two versions of the package, in turns.

    python -m benchmarks.hot_path --old v0.1.0                    # against the working tree
    python -m benchmarks.hot_path --old HEAD~20 --new HEAD --pairs 256 1024
    python -m benchmarks.hot_path --old graph --losses all    # views alone beside the way through their graph

Losses are compared at plain settings, at a low temperature, with three views, in float64 and in bfloat16. Rows of
``--old graph`` are printed alone.

Both versions stay loaded, a process each, and take turns: old and new, then new and old, so that a machine that slows
down slows both. A turn is the fastest of some steps (loss and gradient). The ratio of a pair of turns is new over old;
the interval is that of the median ratio by order statistics, 95 %. Rows go to hot_path.csv, in place of those of the
same loss and size.
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from scipy.stats import quantile_test

from benchmarks.common import add_out, add_threads
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.pages import publish
from benchmarks.pages.hot_path import hot_path_records

ROOT = Path(__file__).resolve().parent.parent
#: The way through a graph, in place of an older version.
GRAPH = "graph"


class Case(NamedTuple):
    """A loss as it is called."""

    loss: str
    views: int = 2
    dtype: str = "float32"


LOSSES = {
    "NT-Xent": Case("NTXentLoss(0.2)"),
    "InfoNCE": Case("InfoNCELoss(0.2)"),
    "DCL": Case("DCLLoss(0.2)"),
    "CLIP": Case("CLIPLoss(0.07)"),
    "SigLIP": Case("SigLIPLoss()"),
    "NT-Xent at 0.02": Case("NTXentLoss(0.02)"),
    "InfoNCE at 0.02": Case("InfoNCELoss(0.02)"),
    "CLIP at 0.02": Case("CLIPLoss(0.02)"),
    "NT-Xent of three views": Case("NTXentLoss(0.2)", views=3),
    "NT-Xent of three views at 0.02": Case("NTXentLoss(0.02)", views=3),
} | {
    f"{name} in {dtype}": Case(loss, dtype=dtype)
    for dtype in ("float64", "bfloat16")
    for name, loss in (
        ("NT-Xent", "NTXentLoss(0.2)"),
        ("InfoNCE", "InfoNCELoss(0.2)"),
        ("CLIP", "CLIPLoss(0.07)"),
        ("SigLIP", "SigLIPLoss()"),
    )
}
#: A turn: reads a case and a size from the standard input, writes the seconds of the fastest step.
TURN = """
import json, sys, time
import torch
import gnnclr.losses
torch.set_num_threads(int(sys.argv[1]))
losses, views = {}, {}
for line in sys.stdin:
    text, count, dtype, n = case = tuple(json.loads(line))
    if case not in views:
        torch.manual_seed(0)
        losses[case] = eval(text, vars(gnnclr.losses))
        if sys.argv[2] == "graph":
            losses[case].pairing = None
        views[case] = [torch.randn(n, 128).to(getattr(torch, dtype)).requires_grad_() for _ in range(count)]
        losses[case](*views[case]).backward()
    loss, best, begin, steps = losses[case], float("inf"), time.perf_counter(), 0
    while steps < 2 or (time.perf_counter() - begin < 0.3 and steps < 200):
        for view in views[case]:
            view.grad = None
        start = time.perf_counter()
        loss(*views[case]).backward()
        best, steps = min(best, time.perf_counter() - start), steps + 1
    print(best, flush=True)
"""


@contextmanager
def package(revision: str | None) -> Iterator[Path]:
    """A folder with the package as it is at a revision; none is the working tree."""
    if revision is None:
        yield ROOT
        return
    tree = subprocess.run(["git", "archive", revision, "gnnclr"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(tree)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


class Version:
    """A process that holds one version of the package, and takes turns when it is asked; with the way ``"graph"`` its
    views go through a graph."""

    def __init__(self, folder: Path, threads: int, way: str = ""):
        environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": str(threads)}
        command = [sys.executable, "-c", TURN, str(threads), way]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        # In the folder: the working directory comes before everything else on the path.
        self.process = subprocess.Popen(command, env=environment, cwd=folder, **pipes)

    def turn(self, case: Case, pairs: int) -> float:
        """Seconds of the fastest step."""
        self.process.stdin.write(json.dumps([*case, pairs]) + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def compare(old: Version, new: Version, case: Case, pairs: int, turns: int) -> dict[str, float]:
    """The median seconds of both versions, and the median of the ratios with its interval."""
    old.turn(case, pairs), new.turn(case, pairs)
    times = []
    for k in range(turns):
        order = (old, new) if k % 2 == 0 else (new, old)
        first, second = (version.turn(case, pairs) for version in order)
        times.append((first, second) if k % 2 == 0 else (second, first))
    ratios = [b / a for a, b in times]
    low, high = quantile_test(ratios, q=statistics.median(ratios), p=0.5).confidence_interval(0.95)
    medians = [1e3 * statistics.median(column) for column in zip(*times)]
    return {
        "old ms": medians[0],
        "new ms": medians[1],
        "ratio": statistics.median(ratios),
        "low": float(low),
        "high": float(high),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--old", required=True, metavar="REVISION", help="or 'graph': the new one through a graph")
    parser.add_argument("--new", metavar="REVISION", help="default: the working tree")
    parser.add_argument("--pairs", type=int, nargs="+", default=[256, 1024, 8192])
    parser.add_argument("--losses", nargs="+", default=["NT-Xent"], choices=[*LOSSES, "all"])
    parser.add_argument("--turns", type=int, default=15, help="of each version; default: 15")
    add_threads(parser)
    add_out(parser)
    args = parser.parse_args()
    names = list(LOSSES) if "all" in args.losses else args.losses
    through, rows = args.old == GRAPH, []
    with package(args.new) as new_folder, package(args.new if through else args.old) as old_folder:
        versions = [Version(old_folder, args.threads, GRAPH if through else ""), Version(new_folder, args.threads)]
        for name in names:
            for pairs in args.pairs:
                found = compare(*versions, LOSSES[name], pairs, args.turns)
                rows.append({"loss": name, "pairs": pairs, "turns": args.turns} | found)
                print(json.dumps(rows[-1]), flush=True)
        for version in versions:
            version.close()
    if through:
        return
    env = environment(args.threads)
    hot_path_records(args.out).put(row | env for row in rows)
    note_origin(args.out, "hot_path", ["benchmarks.hot_path", *words_of(sys.argv[1:])], env)
    print(publish("hot_path", args.out))


if __name__ == "__main__":
    main()
