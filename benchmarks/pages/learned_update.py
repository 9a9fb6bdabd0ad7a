"""A learned update beside gradient descent."""

from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Records, numbers
from gnnclr.eval import paired_difference, results_table

LEARNED, MOMENTUM = "learned", "momentum"
#: What the learned update is compared with.
BEST = "gradient, momentum, tuned on the same size"
METHODS = (
    "start",
    LEARNED,
    "gradient, tuned on small batches",
    "gradient, momentum, tuned on small batches",
    BEST,
    "least",
)
#: Nodes and dimensions; the first is of the batches that the update is trained on.
SHAPES = ((24, 8), (64, 8), (64, 64), (512, 64))
ROUNDS = ("5", "10", "20")
KEY = ("nodes", "dimensions", "method", "seed")


def learned_records(folder: Path) -> Records:
    """A row a size, method and seed."""
    return Records(folder / "learned_update_runs.csv", (*KEY, *ROUNDS), KEY)


def text(folder: Path, name: str) -> str:
    """A table for each number of rounds."""
    lines = learned_records(folder).rows()
    if not lines:
        return ""
    about = (
        "Mean energy (NT-Xent) on batches that were not seen in training, mean ± standard deviation over seeds, by "
        "nodes × dimensions of the batch. *Least* is what 100 rounds of gradient descent with momentum reach. The "
        "learned update was trained on batches of 12 to 32 nodes in 4 to 16 dimensions, through ten rounds."
    )
    parts = ["## A learned update", about, origin(folder, name)]
    for rounds in ROUNDS:
        cells: dict[str, dict[str, list[float] | str]] = {}
        for method in METHODS:
            for nodes, d in SHAPES:
                own, best = (
                    [line for line in lines if [line[k] for k in KEY[:3]] == [str(nodes), str(d), kind]]
                    for kind in (method, BEST)
                )
                if own:
                    cells.setdefault(method, {})[f"{nodes} × {d}"] = numbers(own, rounds)
                if method == LEARNED and own and len(own) == len(best):
                    difference = paired_difference(numbers(best, rounds), numbers(own, rounds))
                    where = f"learned, gain over {BEST}"
                    shown = f"{difference.mean:+.3f}, {difference.verdict}"
                    cells.setdefault(where, {})[f"{nodes} × {d}"] = shown
        parts += [results_table(cells, scale=1.0, digits=3, corner=f"after {rounds} rounds")]
    return "\n\n".join(parts)
