"""The tables of scaling.md: what a step costs on many processes by its formulas, and beside what was measured on two.

python docs/scaling_table.py    # writes the tables anew, as `make docs` does
"""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from generated_table import with_table, write

PAGE = Path(__file__).parent / "scaling.md"
BEGIN = "<!-- table: python docs/scaling_table.py -->\n"
BEGIN_IMAGENET = "<!-- imagenet: python docs/scaling_table.py -->\n"
BEGIN_CHECK = "<!-- check: python docs/scaling_table.py -->\n"
RESULTS = PAGE.parents[1] / "benchmarks" / "results"
#: Training images of ImageNet-1k, and their mean size as JPEG in bytes.
IMAGENET, JPEG = 1_281_167, 110e3
#: Bytes of two crops of 224×224 pixels.
CROPS = 2 * 3 * 224 * 224
#: Bytes that a ResNet-50 keeps of a view of 224×224 pixels for the backward pass, in bfloat16.
VIEW = 43.8e6
#: Width of rows, and bytes of an entry.
WIDTH, BYTES = 128, 4
MB = 2**20


@dataclass(frozen=True)
class Machine:
    """What a process has.

    Args:
        flops (float): Floating point operations a second in products, with what goes with them.
        bandwidth (float): Bytes a second that it receives from others.
        latency (float): Seconds from one process to the next.
        kept (float): Bytes of exponentials that are kept instead of computed twice.
        tiles (float): Bytes of the tiles.
    """

    flops: float
    bandwidth: float
    latency: float
    kept: float
    tiles: float


#: Within a machine of eight GPUs, and over many machines.
NVLINK = Machine(24e12, 300e9, 10e-6, 256 * MB, 384 * MB)
NETWORK = Machine(24e12, 50e9, 10e-6, 256 * MB, 384 * MB)


@dataclass(frozen=True)
class Step:
    """A step of NT-Xent with two views.

    Args:
        pairs (int): Pairs of all processes.
        world (int): The number of processes.
        machine (Machine): What each of them has.
    """

    pairs: int
    world: int
    machine: Machine

    @property
    def rows(self) -> float:
        """Rows of all processes."""
        return 2 * self.pairs

    @property
    def size(self) -> float:
        """Bytes of the rows of all processes."""
        return self.rows * WIDTH * BYTES

    @property
    def operations(self) -> float:
        """Floating point operations of a process: products of own rows with each other, in half of their tiles, and
        with those of others."""
        own = self.rows / self.world
        within, beyond = own * own, own * (self.rows - own)
        twice = 1.5 if within / 2 * BYTES <= self.machine.kept else 2
        thrice = 2 if beyond * BYTES <= self.machine.kept else 3
        return 2 * WIDTH * (twice * within + thrice * beyond)

    @property
    def received(self) -> float:
        """Bytes that a process receives: rows, and a number a row."""
        return self.size * (1 + 1 / WIDTH) * (self.world - 1) / self.world

    @property
    def computing(self) -> float:
        """Seconds of products."""
        return self.operations / self.machine.flops

    @property
    def exchanging(self) -> float:
        """Seconds of the three exchanges, which pass from one process to the next."""
        return self.received / self.machine.bandwidth + 3 * (self.world - 1) * self.machine.latency

    @property
    def memory(self) -> float:
        """Bytes of a process: rows of all, own ones with their gradient and what that is made of, tiles."""
        own = self.rows / self.world
        kept = BYTES * own * (self.rows - own)
        return self.size * (1 + 3 / self.world) + self.machine.tiles + (kept if kept <= self.machine.kept else 0)


def table() -> str:
    """Steps of many sizes on many GPUs."""
    lines = ["| pairs | GPUs | products | exchange | received | memory |", "|---:|---:|---:|---:|---:|---:|"]
    for pairs in (65_536, 1_000_000, 10_000_000):
        for world in (8, 64, 256, 1024):
            step = Step(pairs, world, NVLINK if world <= 8 else NETWORK)
            cells = [f"{pairs:,}", f"{world:,}", seconds(step.computing), seconds(step.exchanging)]
            lines.append(f"| {' | '.join(cells)} | {size(step.received)} | {size(step.memory)} |")
    return "\n".join(lines) + "\n"


def imagenet() -> str:
    """Steps, hours, cores and memory of ImageNet-1k on eight GPUs, by what a GPU trains."""
    columns = ["views/s of a GPU", "global batch", "steps of an epoch", "epoch", "100 epochs", "cores for a GPU"]
    columns += ["read by all", "to a GPU", "activations", "batches on the host"]
    lines = [f"| {' | '.join(columns)} |", "|" + "---:|" * len(columns)]
    for views in (1_000, 2_500, 5_000):
        for batch in (1_024, 4_096):
            rate, steps = views / 2, IMAGENET // batch
            epoch = steps * batch / (8 * rate)
            cores = rate * worker_seconds()
            cells = [f"{views:,}", f"{batch:,}", f"{steps:,}", f"{epoch / 60:.1f} min", f"{epoch / 36:.1f} h"]
            cells += [f"{cores:.1f}", f"{8 * rate * JPEG / 1e6:,.0f} MB/s", f"{rate * CROPS / 1e6:,.0f} MB/s"]
            each, workers = batch // 8, math.ceil(cores) + 1
            cells += [f"{2 * each * VIEW / 1e9:.1f} GB", f"{2 * workers * each * CROPS / 1e9:.1f} GB"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def worker_seconds() -> float:
    """Seconds of a core in which a worker decodes a photo and crops it twice, from ``benchmarks.images.pipeline``."""
    with (RESULTS / "pipeline.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["size"], row["workers"]) == ("224", "0")]
    return next(float(row["ms"]) / 1e3 for row in rows if row["pipeline"].endswith("what a worker does"))


def measured() -> str:
    """What two processes take, beside what follows from the time of one."""
    with (RESULTS / "distributed.csv").open(newline="", encoding="utf-8") as file:
        rows = {
            (row["method"], int(row["pairs"]), int(row["processes"])): row
            for row in csv.DictReader(file)
            if row["loss_name"] == "nt_xent"
        }
    lines = ["| pairs | one process | two, from its time | two, measured | received, by formula | measured |"]
    lines.append("|---:" * 6 + "|")
    for pairs in sorted({n for method, n, world in rows if method == "gnnclr" and world == 2}):
        one, two = (rows["gnnclr", pairs, world] for world in (1, 2))
        machine = Machine(1, 1, 0, 64 * MB, 0)
        ratio = Step(pairs, 2, machine).operations / Step(pairs, 1, machine).operations
        first = float(one["seconds"])
        cells = [f"{pairs:,}", seconds(first), seconds(first * ratio), seconds(float(two["seconds"]))]
        received = f"{Step(pairs, 2, machine).received / 1e6:,.2f} MB", f"{float(two['received_mb']):,.2f} MB"
        lines.append(f"| {' | '.join((*cells, *received))} |")
    return "\n".join(lines) + "\n"


def seconds(value: float) -> str:
    """A time, in three digits."""
    if value >= 100:
        return f"{value:,.0f} s"
    return f"{value:.3g} s" if value >= 1 else f"{value * 1e3:.3g} ms"


def size(value: float) -> str:
    """A size, in three digits."""
    return f"{value / 1e9:,.3g} GB" if value >= 1e9 else f"{value / 1e6:,.3g} MB"


def page(text: str) -> str:
    """The page with the tables as they are now."""
    for begin, made in ((BEGIN, table()), (BEGIN_IMAGENET, imagenet()), (BEGIN_CHECK, measured())):
        text = with_table(text, begin, made)
    return text


if __name__ == "__main__":
    write(PAGE, page(PAGE.read_text(encoding="utf-8")))
