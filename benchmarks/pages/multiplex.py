"""Contrast between the relations of a multiplex graph."""

from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.paired import gain
from benchmarks.common.recipes import COLUMNS
from benchmarks.common.records import Records, latest, numbers, runs
from gnnclr.eval import results_table

SCORES = {"Micro-F1": "micro_f1", "Macro-F1": "macro_f1", "NMI": "nmi", "ARI": "ari", "Sim@5": "sim5"}
PLAIN, UNTRAINED = "NT-Xent", "untrained"


def multiplex_records(folder: Path) -> Records:
    """A row a method and seed."""
    columns = (*SCORES, "seconds an epoch", "validation")
    return runs(folder / "multiplex_runs.csv", "row", columns, COLUMNS)


def text(folder: Path, name: str) -> str:
    """Methods side by side."""
    rows = latest(multiplex_records(folder).rows(), "row")
    if not rows:
        return ""
    cells = {}
    for row, lines in rows.items():
        cells[row] = {"seeds": str(len(lines))} | {measure: numbers(lines, measure) for measure in SCORES}
        cells[row]["validation"] = numbers(lines, "validation")
        seconds = max(numbers(lines, "seconds an epoch"))
        if seconds > 0:
            cells[row]["s an epoch"] = f"{seconds:.2f}"
        trained = row not in (PLAIN, UNTRAINED) and seconds > 0
        if trained and len(lines) == len(rows.get(PLAIN, [])):
            found = gain(lines, rows[PLAIN], "Micro-F1")
            cells[row][f"Micro-F1, less that of {PLAIN}"] = f"{found}, {found.verdict}"
    about = (
        "ACM, one view per relation. Percent, mean ± standard deviation over seeds. F1 of a linear probe on the test "
        "nodes, whose settings validation chooses; NMI and ARI of k-means and the share of a node's five nearest that "
        "are of its class (Sim@5) over all nodes; the slowest seed's seconds. Embeddings of the last epoch; settings "
        "are declared, the number of epochs chosen by validation. A difference is paired by seed, and clear where the "
        "95 % interval of Student's t leaves out zero."
    )
    return "\n\n".join(["## Several relations", about, origin(folder, name), results_table(cells, corner="ACM")])
