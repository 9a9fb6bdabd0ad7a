"""Batches of a large graph on one process and on two."""

from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Line, Records

KEY = ("recipe", "nodes", "processes")
MEASURES = ("steps", "cpu_seconds", "seconds", "embedding_cpu_seconds", "embedding_seconds", "memory_gb")
#: What each recipe is, in words.
RECIPES = {"grace-arxiv": "random nodes", "grace-communities-arxiv": "communities"}

ABOUT = """\
GRACE on batches of 2,048 nodes for each process of a generated graph. Two processes take half as many steps of an \
epoch, with the same number of nodes each. Embeddings are those of all nodes, layer by layer, each process a range of \
them. Seconds are those of the processor, of the process that takes longest; those of the clock, in brackets, count \
what else the machine did. Memory is the largest of one process, libraries and the graph included, which each \
process holds."""


def processes_records(folder: Path) -> Records:
    """A row a recipe, size and number of processes."""
    return Records(folder / "processes.csv", (*KEY, *MEASURES), KEY)


def text(folder: Path, name: str) -> str:
    """A table."""
    rows = processes_records(folder).rows()
    if not rows:
        return ""
    head = ["| batches | nodes | processes | steps | an epoch | embeddings | memory |", "|---|---:|---:|" + "---:|" * 4]
    return "\n\n".join(["## On several processes", ABOUT, origin(folder, name), "\n".join([*head, *map(line, rows)])])


def line(row: Line) -> str:
    """A row of the table."""
    times = [
        f"{float(row[f'{what}cpu_seconds']):.1f} s ({float(row[f'{what}seconds']):.1f})" for what in ("", "embedding_")
    ]
    cells = [RECIPES[row["recipe"]], f"{int(row['nodes']):,}", row["processes"], row["steps"], *times]
    cells.append(f"{float(row['memory_gb']):.2f} GB")
    return f"| {' | '.join(cells)} |"
