"""An epoch of batches of a large graph, and the embeddings of all its nodes, on one process and on two.

    python -m benchmarks.graphs.processes
    python -m benchmarks.graphs.processes --size 20000 --processes 1 2

GRACE on batches of 2,048 nodes for each process, of the generated graph of ogbn-arxiv's size: with random nodes, and
with communities by Leiden. Processes are on this machine, each on one thread, and exchange gradients, and rows of
layer-wise embeddings, by gloo. Seconds of the processor, of the process that takes longest, do not see what else a
machine does; seconds of the clock do. Every row runs in processes of its own, so that peak memory is theirs. Rows are
added to processes.csv.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from benchmarks.common import add_out
from benchmarks.common.cells import measure_alone
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.pages import publish
from benchmarks.pages.processes import RECIPES, processes_records
from gnnclr.node import layer_wise_embed
from gnnclr.train import Run, parse_recipe
from gnnclr.train.parallel import PeakMemory

NODES = 169_343


class Watch(Callback):
    """Seconds of the steps of this process, of its layer-wise embeddings after them, and its peak memory.

    Args:
        path (str): The file to write; the number of the process is added.
    """

    def __init__(self, path: str) -> None:
        self.path, self.peak = path, PeakMemory()
        self.steps: list[tuple[float, float]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.peak.__enter__()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.now = time.process_time(), time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        before, self.now = self.now, (time.process_time(), time.perf_counter())
        self.steps.append((self.now[0] - before[0], self.now[1] - before[1]))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        method, start = pl_module.method, (time.process_time(), time.perf_counter())
        self.peak.__exit__()
        layer_wise_embed(method.encoder, trainer.datamodule.graph, over_processes=trainer.world_size > 1)
        found = {
            # The first step has what the first call of anything costs.
            "cpu_seconds": sum(step[0] for step in self.steps[1:]) / (len(self.steps) - 1) * len(self.steps),
            "seconds": sum(step[1] for step in self.steps[1:]) / (len(self.steps) - 1) * len(self.steps),
            "embedding_cpu_seconds": time.process_time() - start[0],
            "embedding_seconds": time.perf_counter() - start[1],
            "memory_gb": self.peak.gb or float("nan"),
            "steps": len(self.steps),
        }
        Path(f"{self.path}.{trainer.global_rank}.json").write_text(json.dumps(found))


def cell(recipe: str, count: int, size: int) -> dict[str, float]:
    """One row: the largest number of all processes."""
    folder = Path(tempfile.mkdtemp())
    settings = [
        "--data.dataset=sparse_sbm",
        f"--data.size={size}",
        "--data.probed=1000",
        "--trainer.accelerator=cpu",
        f"--trainer.devices={count}",
        "--trainer.max_epochs=1",
        "--trainer.callbacks=benchmarks.graphs.processes.Watch",
        f"--trainer.callbacks.path={folder / 'rank'}",
    ]
    try:
        Run(parse_recipe(recipe, settings), folder / "run").train()
        found = [json.loads((folder / f"rank.{rank}.json").read_text()) for rank in range(count)]
    finally:
        shutil.rmtree(folder)
    return {name: max(one[name] for one in found) for name in found[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=NODES, help="nodes of the generated graph")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2], metavar="N")
    parser.add_argument("--recipes", nargs="+", choices=list(RECIPES), default=list(RECIPES), metavar="NAME")
    add_out(parser)
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.cell is not None:
        recipe, count = args.cell.split(":")
        print(json.dumps(cell(recipe, int(count), args.size)))
        return
    records = processes_records(args.out)
    for recipe in args.recipes:
        for count in args.processes:
            row = measure_alone("benchmarks.graphs.processes", [*sys.argv[1:], "--cell", f"{recipe}:{count}"])
            records.put([{"recipe": recipe, "nodes": args.size, "processes": count} | row])
            print(f"{recipe}, {count}: {row}", file=sys.stderr, flush=True)
    note_origin(args.out, "processes", ["benchmarks.graphs.processes", *words_of(sys.argv[1:])], environment(1))
    print(publish("processes", args.out))


if __name__ == "__main__":
    main()
