"""Large batches beside the three matrix products of the textbook form, in turns."""

from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Records
from benchmarks.pages.losses import FAMILIES
from benchmarks.pages.losses_small import milliseconds

FIELDS = ("loss_name", "pairs", "seconds", "products", "ratio", "turns")
HEADINGS = {
    "losses_products": "Beside the products on a CPU",
    "losses_products_cuda": "Beside the products on a GPU",
}


def losses_products_records(folder: Path, name: str) -> Records:
    """A row a family and size; ``name`` is ``"losses_products"``, or ``"losses_products_cuda"``."""
    return Records(folder / f"{name}.csv", FIELDS, FIELDS[:2])


def text(folder: Path, name: str) -> str:
    """A table of both families."""
    rows = losses_products_records(folder, name).rows()
    if not rows:
        return ""
    about = (
        "A step and the three products take turns in one process, so that neither has a quieter time; times are the "
        "best of some turns, and the ratio is the median over turns."
    )
    lines = ["| loss | pairs | step | 3 products | ratio |", "|---|---:|---:|---:|---:|"]
    for row in rows:
        times = [milliseconds(row, column) for column in ("seconds", "products")]
        cells = [FAMILIES[row["loss_name"]], f"{int(row['pairs']):,}", *times, f"**{float(row['ratio']):.2f}**"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n\n".join([f"## {HEADINGS[name]}", about, origin(folder, name), "\n".join(lines)])
