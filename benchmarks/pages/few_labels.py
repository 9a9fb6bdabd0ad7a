"""Classification of nodes from few labels."""

from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Line, Records, numbers
from gnnclr.eval import paired_difference, results_table

GCN, LOGISTIC = "GCN", "logistic regression on A²X"
ROWS = (LOGISTIC, GCN, "SignedConv, absent", "SignedConv, labels", "signed, absent", "signed, labels")
KEY = ("data", "labels", "row", "seed", "settings")


def few_labels_records(folder: Path) -> Records:
    """A row a training that was tested."""
    return Records(folder / "few_labels_runs.csv", (*KEY[:-1], "validation", "test", "settings"), KEY)


def search_records(folder: Path) -> Records:
    """A row a training that chose settings."""
    return Records(folder / "few_labels_search.csv", (*KEY[:-1], "validation", "settings"), KEY)


def text(folder: Path, name: str) -> str:
    """A table for each graph: rows, and the number of labels."""
    lines = few_labels_records(folder).rows()
    if not lines:
        return ""
    about = (
        "Test accuracy in percent, mean ± standard deviation over splits. *signed* is `SignedEncoder`, in the style of "
        "contrastive message passing, SignedConv is PyG's; negative edges are the absent ones, or pairs of labeled "
        "nodes of different classes. A difference from GCN is paired by split, and clear where the 95 % interval of "
        "Student's t leaves out zero."
    )
    parts = ["## Positive and negative edges", about, origin(folder, name)]
    for data in dict.fromkeys(line["data"] for line in lines):
        of_data = [line for line in lines if line["data"] == data]
        counts = list(dict.fromkeys(line["labels"] for line in of_data))
        cells = {row: _cells(row, of_data, counts) for row in ROWS if any(line["row"] == row for line in of_data)}
        parts.append(results_table(cells, scale=1.0, corner=f"{data}, labels a class"))
    return "\n\n".join(parts)


def _cells(row: str, lines: list[Line], counts: list[str]) -> dict[str, object]:
    """The cells of a row: accuracies, then differences from GCN."""
    own = {count: [line for line in lines if line["row"] == row and line["labels"] == count] for count in counts}
    cells: dict[str, object] = {count: numbers(found, "test") for count, found in own.items() if found}
    for count, found in own.items():
        base = [line for line in lines if line["row"] == GCN and line["labels"] == count]
        if row != GCN and found and len(base) == len(found):
            difference = paired_difference(numbers(found, "test"), numbers(base, "test"))
            cells[f"{count}, less GCN"] = f"{difference}, {difference.verdict}"
    return cells
