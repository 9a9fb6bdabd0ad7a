"""One step in two versions of the package."""

from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Records

FIELDS = ("loss", "pairs", "turns", "old ms", "new ms", "ratio", "low", "high")
FIELDS += ("cpu", "threads", "python", "torch", "torchvision", "date")


def hot_path_records(folder: Path) -> Records:
    """A row a loss and size."""
    return Records(folder / "hot_path.csv", FIELDS, ("loss", "pairs"))


def text(folder: Path, name: str) -> str:
    """The ratios with their intervals."""
    rows = hot_path_records(folder).rows()
    if not rows:
        return ""
    lines = ["| loss | pairs | old, ms | new, ms | new / old | 95 % interval |", "|---|---:|---:|---:|---:|---|"]
    for row in rows:
        old, new, ratio, low, high = (float(row[key]) for key in ("old ms", "new ms", "ratio", "low", "high"))
        cells = (row["loss"], f"{int(row['pairs']):,}", f"{old:.3g}", f"{new:.3g}", f"{ratio:.3f}")
        lines.append(f"| {' | '.join(cells)} | {low:.3f} to {high:.3f} |")
    about = (
        "Loss and gradient of two views of width 128 in float32, where the loss says nothing else; the ratio is the "
        "median over pairs of turns."
    )
    return "\n\n".join(["## Two versions of the package", about, origin(folder, name), "\n".join(lines)])
