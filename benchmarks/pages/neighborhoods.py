"""Batches of nodes in which neighbors meet, against random ones."""

from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Records, numbers
from gnnclr.eval import results_table

RECIPE = "grace-neighbors"
DATASETS = ("cora", "photo")
#: Rows that are not trained.
BASELINES = ("A²X", "untrained")
ROWS = ("random nodes", "random nodes, neighbors attract", "neighborhoods", "neighborhoods, neighbors attract")
MEASURES = ("val", "test", "seconds", "within class")

ABOUT = """\
GRACE on batches of 512 nodes of Cora (40 epochs) and of 1,024 of Photo (15 epochs), with the settings of `grace-cora` \
and `grace-photo` otherwise; the last row is `grace-neighbors`. Neighbors are the nearest by the embeddings of all \
nodes, found anew every five epochs; their number, of 5, 10 and 20, is the best by validation accuracy of the last row \
at another seed. *Attract* are those that are in the batch. Accuracy in percent of the linear probe on embeddings \
of the whole graph, mean ± standard deviation over three seeds; *within class* is the share of neighbors of the node's \
class at the last search, and seconds are those of the processor for the training, searches included."""


def neighborhoods_records(folder: Path) -> Records:
    """A row a data set, kind of batches and seed."""
    key = ("dataset", "row", "seed")
    return Records(
        folder / "neighborhoods_runs.csv", (*key, *MEASURES, "recipe", "overrides", "settings"), (*key, "settings")
    )


def search_records(folder: Path) -> Records:
    """A row a data set, number of neighbors and seed."""
    key = ("dataset", "k", "seed")
    return Records(folder / "neighborhoods_search.csv", (*key, "val", "seconds", "within class"), key)


def text(folder: Path, name: str) -> str:
    """A table for each data set."""
    lines = neighborhoods_records(folder).rows()
    if not lines:
        return ""
    parts = ["## Batches in which neighbors meet", ABOUT, origin(folder, name)]
    for dataset in DATASETS:
        table = {}
        for row in (*BASELINES, *ROWS):
            found = [line for line in lines if (line["dataset"], line["row"]) == (dataset, row)]
            if found:
                table[row] = columns(found)
        parts += [f"**{dataset.capitalize()}**", results_table(table, corner="batches")] if table else []
    return "\n\n".join(parts)


def columns(lines: list[dict[str, str]]) -> dict[str, list[float] | str]:
    """What is shown of the seeds of a row."""
    shown: dict[str, list[float] | str] = {}
    shown |= {measure: numbers(lines, measure) for measure in ("test", "val", "within class") if lines[0][measure]}
    if lines[0]["seconds"]:
        shown["seconds"] = f"{sum(numbers(lines, 'seconds')) / len(lines):.0f}"
    return shown
