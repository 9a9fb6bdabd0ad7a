"""GRACE in full batch on citation graphs."""

import statistics
from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.recipes import COLUMNS
from benchmarks.common.records import Records, numbers
from benchmarks.graphs.grace_recipes import FULL_BATCH
from gnnclr.eval import results_table

MEASURES = ("linear", "linear_val", "knn", "knn_val", "epoch_seconds", "peak_gb", "threads")
FIELDS = ("dataset", "row", "seed", *MEASURES, *COLUMNS, "hash")


def grace_records(folder: Path) -> Records:
    """A row a data set, kind of features, seed and settings."""
    return Records(folder / "grace.csv", FIELDS, ("dataset", "row", "seed", "hash"))


def text(folder: Path, name: str) -> str:
    """A table a data set, with the settings."""
    rows, tables = grace_records(folder).rows(), []
    for dataset, settings in FULL_BATCH.items():
        mine = [row for row in rows if row["dataset"] == dataset and row["hash"] in ("", settings.hash)]
        table = {}
        for kind in ("raw", "untrained", "A²X", "GRACE"):
            lines = [row for row in mine if row["row"] == kind]
            if lines:
                table[kind] = {"seeds": str(len(lines))} | {key: numbers(lines, key) for key in ("linear", "knn")}
            if lines and kind == "GRACE":
                epoch, peak = statistics.median(numbers(lines, "epoch_seconds")), max(numbers(lines, "peak_gb"))
                threads = "/".join(sorted({row["threads"] for row in lines}))
                table[kind] |= {"seconds an epoch": f"{epoch:.3f}", "peak GB": f"{peak:.2f}", "threads": threads}
        if table:
            tables += [results_table(table, corner=dataset), f"Settings: {settings.source}."]
    about = (
        "All views of all nodes contrasted at once, accuracy on test nodes in percent, mean ± standard deviation over "
        "seeds; last epoch; the probes choose on validation nodes only. On Cora and CiteSeer the settings are those of "
        "the tables above, of fewer seeds, another machine and an activation that rounds otherwise; on PubMed they are "
        "others. Memory is that of the whole process."
    )
    return "\n\n".join(["## GRACE, full batch and exact", about, origin(folder, name), *tables]) if tables else ""
