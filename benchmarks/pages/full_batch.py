"""Exact contrast between all nodes of a graph."""

from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Records

FIELDS = ("dataset", "rule", "nodes", "edges", "seconds an epoch", "peak MB")
FIELDS += ("cpu", "threads", "python", "torch", "torchvision", "date")


def full_batch_records(folder: Path) -> Records:
    """A row a graph and rule."""
    return Records(folder / "full_batch.csv", FIELDS, ("dataset", "rule"))


def text(folder: Path, name: str) -> str:
    """Time and memory of an epoch."""
    rows = sorted(full_batch_records(folder).rows(), key=lambda row: int(row["nodes"]))
    if not rows:
        return ""
    lines = ["| graph | negatives and positives | an epoch | peak memory |", "|---|---|---:|---:|"]
    for row in rows:
        graph = f"{row['dataset']}, {int(row['nodes']):,} nodes, {int(row['edges']) // 2:,} edges"
        cost = f"{float(row['seconds an epoch']):.1f} s | {float(row['peak MB']):,.0f} MB"
        lines.append(f"| {graph} | {row['rule']} | {cost} |")
    sizes = {row["dataset"]: 4 * (2 * int(row["nodes"])) ** 2 / 2**30 for row in rows}
    about = (
        "GRACE, every node against every other of both views. The matrix of all pairs of views would take "
        + ", ".join(f"{graph} {size:.1f} GiB" for graph, size in sizes.items())
        + " in float32; it is never made."
    )
    return "\n\n".join(["## All nodes at once", about, origin(folder, name), "\n".join(lines)])
