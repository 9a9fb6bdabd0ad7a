"""SimCLR beside lightly's, over time."""

import statistics
from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Line, Records, numbers
from gnnclr.eval import results_table

SCORES = ("linear", "kNN", "linear, validation", "kNN, validation")
FIELDS = ("side", "seed", "minutes", "steps", *SCORES, "budget", "threads", "workers")


def beside_lightly_records(folder: Path) -> Records:
    """A row a side, seed and minute."""
    return Records(folder / "beside_lightly.csv", FIELDS, FIELDS[:3])


def by_minute(rows: list[Line], side: str) -> dict[float, list[Line]]:
    """The rows of a side by minute, all seeds."""
    found: dict[float, list[Line]] = {}
    for row in rows:
        if row["side"] == side:
            found.setdefault(float(row["minutes"]), []).append(row)
    return dict(sorted(found.items()))


def text(folder: Path, name: str) -> str:
    """Accuracy by minute."""
    rows = beside_lightly_records(folder).rows()
    sides = list(dict.fromkeys(row["side"] for row in rows))
    if not rows:
        return ""
    cells: dict[str, dict[str, object]] = {}
    for side in sides:
        for minutes, lines in by_minute(rows, side).items():
            epochs = statistics.fmean(numbers(lines, "steps")) * 256 / 50_000
            cell: dict[str, object] = {"epochs": f"{epochs:.1f}", "seeds": str(len(lines))}
            cells[f"{side}, {minutes:g} minutes"] = cell | {key: numbers(lines, key) for key in ("linear", "kNN")}
    used = {side: next(row for row in rows if row["side"] == side) for side in sides}
    words = "; ".join(f"{side} {row['threads']} threads and {row['workers']} workers" for side, row in used.items())
    about = (
        "The same encoder, images, batch, temperature and optimizer for the same minutes on two cores; lightly has its "
        f"transform, head, loss and a DataLoader. The fastest settings were {words}. Probes fit on 10,000 training "
        "images and are chosen on 2,000 validation images; accuracy in percent on 10,000 test images."
    )
    table = results_table(cells, corner="SimCLR")  # pyright: ignore[reportArgumentType]
    plot_line = "![accuracy over time](beside_lightly.png)"
    return "\n\n".join(["## Beside lightly, over time", about, origin(folder, name), table, plot_line])


def plot(folder: Path, path: Path) -> None:
    """Both probes over minutes."""
    from benchmarks.common.plots import OTHERS, OURS, bare, new_figure, save

    rows = beside_lightly_records(folder).rows()
    if not rows:
        return
    figure = new_figure(9, 3.6)
    for axes, probe in zip(figure.subplots(1, 2, sharey=True), ("linear", "kNN")):
        for side, color in (("gnnclr", OURS), ("lightly", OTHERS)):
            found = by_minute(rows, side)
            means = [statistics.fmean(numbers(lines, probe, 100)) for lines in found.values()]
            axes.plot(list(found), means, color=color, label=side, linewidth=2)
            for minutes, lines in found.items():
                axes.plot([minutes] * len(lines), numbers(lines, probe, 100), ".", color=color, markersize=5)
        axes.set(title=f"{probe} probe", xlabel="minutes of training")
        bare(axes, grid="both")
        axes.legend(frameon=False)
    figure.axes[0].set_ylabel("accuracy, %")
    save(figure, path)
