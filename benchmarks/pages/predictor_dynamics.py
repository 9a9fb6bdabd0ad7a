"""A linear encoder with a predictor: what collapses."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Line, Records

SIMSIAM = "encoder"
FEATURES = ("raw pixels", "PCA", "before training")
#: The smallest eigenvalue of the correlation that counts as alive.
ALIVE = 1e-3
KEY = ("data", "target rate", "weight decay", "predictor rate")
NOISE = 1.0


def dynamics_records(folder: Path) -> Records:
    """A row a setting."""
    fields = (*KEY, "alive", "largest", "alignment", "target", "probe", "settings")
    return Records(folder / "predictor_dynamics.csv", fields, (*KEY, "settings"))


def rest(decay: float, rate: float) -> float:
    """The eigenvalue of the correlation at which isotropic modes rest beside zero; zero where there is none."""
    left = 1 - 4 * decay * (1 + NOISE)
    return ((1 + left**0.5) / (2 * (1 + NOISE))) ** 2 / rate if left >= 0 else 0.0


def text(folder: Path, name: str) -> str:
    """Tables of isotropic views and of digits."""
    lines = dynamics_records(folder).rows()
    if not lines:
        return ""
    last = lines[-1]["settings"]
    lines = [line for line in lines if line["settings"] == last]
    about = (
        "Gradient flow of the linear model, mean over starts. *Alive* is the share of directions of the embeddings "
        f"whose eigenvalue s is above {ALIVE:g} at the end, *aligned* the mean cosine of these eigenvectors v with "
        "their image W_p v, *s* the largest eigenvalue and beside it, for isotropic views, where the theory says that "
        "it rests; without weight decay it keeps what it began with. α is the learning rate of the predictor, β the "
        "rate at which the target follows the encoder, or the encoder itself (SimSiam), η the weight decay."
    )
    parts = ["## A linear encoder with a predictor", about, origin(folder, name)]
    parts += ["### Isotropic views\n", _table([line for line in lines if line["data"] == "isotropic"], _isotropic)]
    plain = ", ".join(f"{line['data']} {float(line['probe']):.1f}" for line in lines if line["data"] in FEATURES)
    parts += ["### Digits\n", f"The last number is the accuracy of a linear probe. Features without training: {plain}."]
    parts.append(_table([line for line in lines if line["data"] == "digits"], _digits))
    return "\n\n".join(part.strip() for part in parts)


def _isotropic(line: Line) -> str:
    expected = rest(float(line["weight decay"]), float(line["predictor rate"]))
    theory = f" ({expected:.3f})" if float(line["weight decay"]) > 0 else ""
    return f"{float(line['alive']):.0f} %, {_aligned(line)}, {float(line['largest']):.3f}{theory}"


def _digits(line: Line) -> str:
    return f"{float(line['alive']):.0f} %, {_aligned(line)}, {float(line['probe']):.1f}"


def _aligned(line: Line) -> str:
    return f"{float(line['alignment']):.3f}" if line["alignment"] else "none"


def _table(lines: list[Line], cell: Callable[[Line], str]) -> str:
    """A row for each target and decay, a column for each rate."""
    rates = list(dict.fromkeys(line["predictor rate"] for line in lines))
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for line in lines:
        rows.setdefault((line["target rate"], line["weight decay"]), {})[line["predictor rate"]] = cell(line)
    table = ["| β | η | " + " | ".join(f"α = {rate}" for rate in rates) + " |", "|---|---:|" + "---|" * len(rates)]
    for (target, decay), cells in rows.items():
        table.append(f"| {target} | {decay} | " + " | ".join(cells.get(rate, "") for rate in rates) + " |")
    return "\n".join(table)
