"""Time, memory and traffic of a step (loss and gradient) with the samples of one and of two processes, beside peers.

    python -m benchmarks.distributed
    python -m benchmarks.distributed --pairs 256 1024 --turns 3

Processes are on this machine, each on one thread, and exchange rows by gloo. Seconds are those of the processor, of
the process that takes longest, and do not see what else a machine does; of the turns the fastest counts. Peers that
hold matrices of all pairs are left out where those do not fit. open_clip's form of CLIP is written by its formula.
"""

import argparse
import json
import os
import socket
import sys
import tempfile
import time
import warnings
from pathlib import Path

import torch
import torch.distributed as dist
from torch import multiprocessing

from benchmarks.common import add_out
from benchmarks.common.distributed_steps import METHODS, distributed_step
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.common.memory import watch_peak
from benchmarks.common.traffic import Traffic
from benchmarks.pages import publish
from benchmarks.pages.distributed import OURS, SENT, WHOLE, WIDTH, distributed_records

PACKAGES = ("torch", "gnnclr", "lightly")
#: Numbers of processes.
WORLDS = (1, 2)
#: What only several processes do.
GRAPHS = (WHOLE, SENT)
#: Largest number of pairs of those that hold matrices of all of them.
MATRICES = 2048


def measure(family: str, name: str, pairs: int, turns: int) -> dict[str, float]:
    """Seconds of this process, what it receives in a step in MB, its peak memory over the inputs in MB, the loss."""
    world = dist.get_world_size() if dist.is_initialized() else 1
    torch.manual_seed(0)
    every = torch.randn(2, pairs, WIDTH)
    own = every.tensor_split(world, dim=1)[dist.get_rank() if world > 1 else 0]
    views = [view.clone().requires_grad_() for view in own]
    loss = distributed_step(family, name)

    def step(*some: torch.Tensor) -> float:
        for view in some:
            view.grad = None
        value = loss(*some)
        value.backward()
        return float(value.detach())

    step(*(view.detach()[:16].requires_grad_() for view in views))
    peak, times = watch_peak(torch.device("cpu")), []
    for _ in range(turns):
        start = time.process_time()
        value = step(*views)
        times.append(time.process_time() - start)
    peak_mb = peak()
    with Traffic() as seen:
        step(*views)
    return {"seconds": min(times), "memory_mb": peak_mb, "received_mb": seen.bytes / 1e6, "loss": value}


def work(rank: int, world: int, store: str, cells: list[tuple[str, str, int]], turns: int) -> None:
    """Measures all cells in one of the processes; the first one writes those of all beside ``store``."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    if world > 1:
        loopback = "lo" if "lo" in dict(map(reversed, socket.if_nameindex())) else "lo0"
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
        dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)
    rows = []
    for family, name, pairs in cells:
        found = [measure(family, name, pairs, turns)]
        if world > 1:
            own, found = found[0], [None] * world
            dist.all_gather_object(found, own)
        row = {key: max(each[key] for each in found) for key in found[0] if found[0][key] is not None}
        row["loss"] = sum(each["loss"] for each in found) / world
        rows.append({"loss_name": family, "method": name, "pairs": pairs, "processes": world} | row)
        if rank == 0:
            about = f"{family:9} {pairs:6} {name:24} on {world}: {row['seconds'] * 1e3:9.1f} ms"
            print(f"{about}, {row['received_mb']:.2f} MB", file=sys.stderr, flush=True)
    if rank == 0:
        Path(f"{store}.json").write_text(json.dumps(rows), encoding="utf-8")
    if world > 1:
        dist.barrier()
        dist.destroy_process_group()


def cells(world: int, sizes: list[int]) -> list[tuple[str, str, int]]:
    """Loss, method and size of each row."""
    return [
        (family, name, n)
        for family, names in METHODS.items()
        for n in sizes
        for name in names
        if (n <= MATRICES or name in (OURS, *GRAPHS)) and (world > 1 or name not in GRAPHS)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, nargs="+", default=[512, 2048, 8192], help="pairs of all processes")
    parser.add_argument("--turns", type=int, default=3, help="steps of each row, after a small one")
    add_out(parser)
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for world in WORLDS:
            store = str(Path(folder) / f"store{world}")
            multiprocessing.spawn(work, (world, store, cells(world, args.pairs), args.turns), nprocs=world)
            rows += json.loads(Path(f"{store}.json").read_text(encoding="utf-8"))
    distributed_records(args.out).write(rows)
    note_origin(
        args.out, "distributed", ["benchmarks.distributed", *words_of(sys.argv[1:])], environment(1, "cpu", PACKAGES)
    )
    print(publish("distributed", args.out))


if __name__ == "__main__":
    main()
