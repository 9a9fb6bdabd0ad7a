"""One default for a graph that nobody has seen."""

from pathlib import Path

from benchmarks.common.records import Records

#: The recipe.
AUTO = "auto-graph"
CELL_KEY = ("dataset", "protocol", "features", "blocks", "seed")
RUN_KEY = ("dataset", "protocol", "row", "seed", "hash")


def cell_records(folder: Path) -> Records:
    """A line for each cell without training and seed."""
    return Records(folder / "auto_cells.csv", (*CELL_KEY, "test", "val", "nodes", "seconds"), CELL_KEY)


def run_records(folder: Path) -> Records:
    """A line for each training."""
    measures = ("test", "val", "nodes", "chosen", "seconds", "training", "steps", "epochs", "recipe", "overrides")
    return Records(folder / "auto_runs.csv", (*RUN_KEY, *measures), RUN_KEY)


def criteria_records(folder: Path) -> Records:
    """A line for each cell, scored without labels."""
    measures = ("link_auc", "link_error", "rankme", "stability")
    return Records(folder / "auto_criteria.csv", ("dataset", "blocks", *measures), ("dataset", "blocks"))


def text(folder: Path, name: str) -> str:
    """The tables."""
    return ""
