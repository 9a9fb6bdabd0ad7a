"""What torch-scatter changes."""

from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Records

FIELDS = ("step", "size", "with", "without")
#: What is measured, and in words.
STEPS = {
    "GCNEncoder": "`GCNEncoder`, sparse products",
    "gcn": '`PyGEncoder("gcn")`',
    "gat": '`PyGEncoder("gat")`',
    "sage": '`PyGEncoder("sage")`, means',
    "attention": "`AttentionAlignmentConv`, ten neighbors of each view",
}
SIZES = {"small": "2,708 nodes, or 1,024 pairs", "large": "20,000 nodes, or 8,192 pairs"}


def scatter_records(folder: Path) -> Records:
    """A row a step and size."""
    return Records(folder / "scatter.csv", FIELDS, FIELDS[:2])


def text(folder: Path, name: str) -> str:
    """Seconds with and without, and their ratio."""
    rows = scatter_records(folder).rows()
    if not rows:
        return ""
    lines = ["| step | size | without | with | with over without |", "|---|---|---:|---:|---:|"]
    for row in rows:
        own, other = float(row["without"]), float(row["with"])
        cells = [STEPS[row["step"]], SIZES[row["size"]], f"{own * 1e3:,.1f} ms", f"{other * 1e3:,.1f} ms"]
        lines.append(f"| {' | '.join(cells)} | {other / own:.2f} |")
    about = (
        "PyG uses torch-scatter where it is installed. Forward and backward pass of two layers of 128 channels on a "
        "generated graph, and the message of a contrastive layer; the best of some steps, in a process each. It gains "
        "nothing on a CPU, so that nothing here asks for it; the layer on 1,024 pairs takes 11 or 48 ms from one "
        "process to the next, with it and without, of which the faster is shown."
    )
    return "\n\n".join(["## With and without torch-scatter", about, origin(folder, name), "\n".join(lines)])
