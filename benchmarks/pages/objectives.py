"""Objectives beside each other."""

import json
import math
import statistics
from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.recipes import COLUMNS
from benchmarks.common.records import Line, Records, latest, numbers, runs
from benchmarks.images.objectives_settings import LR, RATES, RECIPE, WIDTHS, arguments, setting, with_labels
from gnnclr.configs import recipe_settings
from gnnclr.eval import results_table

MEASURES = ("kNN", "linear", "effective rank", "uniformity", "seconds")
DETAILS = ("kNN, validation", "linear, validation", "first loss", "last loss")
PERCENT = ("kNN", "linear")
#: Finished runs, by the row of the table that they make.
Rows = dict[str, list[Line]]


def objectives_records(folder: Path) -> Records:
    """A row an objective, seed and settings."""
    return runs(folder / "objectives_runs.csv", "objective", MEASURES + DETAILS, COLUMNS)


def best_first(folder: Path) -> Rows:
    """The latest runs, sorted by the linear probe; what diverged comes last."""
    rows = latest(objectives_records(folder).rows(), "objective")

    def key(name: str) -> float:
        mean, _ = mean_and_deviation(rows[name], "linear")
        return math.inf if math.isnan(mean) else -mean

    return {name: rows[name] for name in sorted(rows, key=key)}


def mean_and_deviation(lines: list[Line], measure: str) -> tuple[float, float]:
    """NaN, and NaN, of no number; the deviation of one is NaN. A run that diverged does not count."""
    values = [v for v in numbers(lines, measure, 100 if measure in PERCENT else 1) if not math.isnan(v)]
    mean = statistics.fmean(values) if values else math.nan
    return mean, statistics.stdev(values) if len(values) > 1 else math.nan


def label(name: str, lines: list[Line]) -> str:
    lost = sum(math.isnan(value) for value in numbers(lines, "linear"))
    notes = ["with labels"] * (setting(name).views is with_labels) + [f"{lost} diverged"] * (lost > 0)
    return ", ".join([name, *notes])


def cell(lines: list[Line], measure: str) -> str:
    (mean, deviation), digits = mean_and_deviation(lines, measure), 2 if measure == "uniformity" else 1
    shown = [f"{value:.{digits}f}" for value in (mean, deviation) if not math.isnan(value)]
    return " ± ".join(shown) or "–"


def text(folder: Path, name: str) -> str:
    """The table, and the arguments of each loss."""
    rows = best_first(folder)
    used = {row: json.loads(lines[0]["settings"]) for row, lines in rows.items()}
    trained = {row: run for row, run in used.items() if "steps" in run}
    if not trained:
        return ""
    first = next(iter(trained.values()))
    settings = []
    for row, run in sorted(trained.items()):
        parts = [f"{key}={value!r}" for key, value in arguments(row).items()] + [f"learning rate {run['lr']:g}"]
        why = f"; {setting(row).why}" if setting(row).why else ""
        settings.append(f"- `{row}`: {', '.join(parts)}{why}")
    rates, model = ", ".join(f"{rate:g}" for rate in RATES), recipe_settings(RECIPE)["model"]
    method, decay = model["method"]["init_args"], model["optimizer"]["init_args"]["weight_decay"]
    embedding, size = (
        method[key]["init_args"][name] for key, name in (("projector", "out_features"), ("views", "size"))
    )
    return "\n\n".join(
        [
            "## Objectives",
            f"{first['steps']} steps of {first['batch']} images of CIFAR-10 for every objective, of 45,000; encoder in "
            f"{first['precision']}, losses in float32. Probes fit on {first['fit']:,} of these images and choose "
            f"their settings on {first['choose']:,} others (for raw pixels from a smaller grid); accuracy in percent "
            "on 10,000 test images.",
            f"The same for all: `{RECIPE}` with a SlimResNet {WIDTHS}, which is a projector to {embedding}, "
            f"{size}-pixel views and AdamW with decay {decay:g}; at {LR:g} here, a warm-up of a tenth, and a cosine. "
            f"For losses of features the learning rate is chosen among {rates} by the validation images, with seed 0. "
            "Effective rank and uniformity are those of the encoder's features of the test images. Seconds are those "
            f"of training. Mean ± standard deviation over {max(map(len, rows.values()))} seeds, which change weights, "
            "batches and views.",
            origin(folder, name),
            results_table(
                {label(row, lines): {m: cell(lines, m) for m in MEASURES} for row, lines in rows.items()},
                corner="objective",
            ),
            "![objectives by both probes](objectives.png)",
            "Arguments of each loss, with the reason for what is not its default, or not two views into the loss:",
            "\n".join(settings),
        ]
    )


def plot(folder: Path, path: Path) -> None:
    """Both probes."""
    from benchmarks.common.plots import OTHERS, OURS, bare, new_figure, save

    rows = best_first(folder)
    figure = new_figure(7.5, 0.9 + 0.27 * len(rows))
    axes, place = figure.add_subplot(), range(len(rows), 0, -1)
    for measure, color, marker in (("kNN", OTHERS, "s"), ("linear", OURS, "o")):
        means, deviations = zip(*(mean_and_deviation(lines, measure) for lines in rows.values()))
        style = {"fmt": marker, "color": color, "markersize": 5, "capsize": 2}
        axes.errorbar(means, place, xerr=deviations, label=f"{measure} probe", **style)
    axes.set_yticks(place, [label(name, lines) for name, lines in rows.items()])
    for tick, lines in zip(axes.get_yticklabels(), rows.values()):
        tick.set_color("black" if "steps" in json.loads(lines[0]["settings"]) else "#777777")
    axes.set_xlabel("test accuracy in percent, mean and standard deviation over seeds")
    bare(axes, grid="y", left=False)
    axes.legend(loc="lower right", frameon=False)
    save(figure, path)
