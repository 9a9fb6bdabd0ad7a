"""Batches of high loss, beside random ones and the full batch."""

from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Records, numbers
from gnnclr.eval import paired_difference, results_table

FULL, ALL, RANDOM, FIXED, OSGD, SC = "full batch", "all batches", "random", "fixed", "OSGD", "SC"
BATCHES = (FULL, ALL, RANDOM, FIXED, OSGD, SC)
KEY = ("data", "batches", "seed")
MEASURES = ("loss", "distance", "retrieval")
#: The parts of the library that make them.
PARTS = {OSGD: "OSGD, `HighLossBatches`", SC: "SC, `SpectralBatches`"}


def batches_records(folder: Path) -> Records:
    """A row a run."""
    return Records(folder / "mini_batches_runs.csv", (*KEY, *MEASURES), KEY)


def text(folder: Path, name: str) -> str:
    """A table of points, and one of digits."""
    lines = batches_records(folder).rows()
    if not lines:
        return ""
    about = (
        "Mean ± standard deviation over seeds, after as many updates. *Loss* is that of the full batch, for points "
        "less the least one that there is; *distance* is that of the similarities of all pairs from the best ones, in "
        "the Frobenius norm, after the entries of each row are sorted. *All batches* takes the mean loss of all pairs "
        "of points in every update. OSGD takes the seventh of highest loss of random batches. A difference from random "
        "batches is paired by seed, and clear where the 95 % interval of Student's t leaves out zero."
    )
    parts = ["## Which samples make a batch", about, origin(folder, name)]
    points: dict[str, dict[str, list[float]]] = {}
    for line in (line for line in lines if line["data"].startswith("points")):
        d = line["data"].split(", ")[1]
        row = points.setdefault(PARTS.get(line["batches"], line["batches"]), {})
        for measure in ("loss", "distance"):
            row.setdefault(f"{measure}, {d} dimensions", []).append(float(line[measure]))
    parts.append(results_table(points, scale=1.0, digits=3, corner="points"))
    digits = [line for line in lines if line["data"] == "digits"]
    cells = {}
    for batches in dict.fromkeys(line["batches"] for line in digits):
        own, base = ([line for line in digits if line["batches"] == kind] for kind in (batches, RANDOM))
        cells[PARTS.get(batches, batches)] = row = {
            "loss": numbers(own, "loss"), "retrieval, %": numbers(own, "retrieval")
        }  # fmt: skip
        if batches != RANDOM and len(own) == len(base):
            difference = paired_difference(numbers(own, "retrieval"), numbers(base, "retrieval"))
            row["retrieval, less random"] = f"{difference}, {difference.verdict}"
    parts.append(results_table(cells, scale=1.0, digits=2, corner="digits"))
    return "\n\n".join(parts)
