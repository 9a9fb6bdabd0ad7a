"""The table and the plot of benchmarks/objectives.py."""

import csv
import json
import math
import statistics
from pathlib import Path
from typing import Any

from objectives_settings import EMBEDDING, LR, RATES, SIZE, WEIGHT_DECAY, WIDTHS, setting, with_labels

from gnnclr.eval import results_table

MEASURES = ("kNN", "linear", "effective rank", "uniformity", "seconds")
PERCENT = ("kNN", "linear")
#: Finished runs, by the row of the table that they make.
Rows = dict[str, list[dict[str, str]]]


def mean_and_deviation(lines: list[dict[str, str]], measure: str) -> tuple[float, float]:
    """NaN, and NaN, of no number; the deviation of one is NaN. A run that diverged does not count."""
    scale = 100 if measure in PERCENT else 1
    values = [scale * value for line in lines if not math.isnan(value := float(line[measure]))]
    mean = statistics.fmean(values) if values else math.nan
    return mean, statistics.stdev(values) if len(values) > 1 else math.nan


def best_first(rows: Rows) -> Rows:
    """Sorted by the linear probe; what diverged comes last."""

    def key(name: str) -> float:
        mean, _ = mean_and_deviation(rows[name], "linear")
        return math.inf if math.isnan(mean) else -mean

    return {name: rows[name] for name in sorted(rows, key=key)}


def label(name: str, lines: list[dict[str, str]]) -> str:
    lost = sum(math.isnan(float(line["linear"])) for line in lines)
    notes = ["with labels"] * (setting(name).views is with_labels) + [f"{lost} diverged"] * (lost > 0)
    return ", ".join([name, *notes])


def cell(lines: list[dict[str, str]], measure: str) -> str:
    (mean, deviation), digits = mean_and_deviation(lines, measure), 2 if measure == "uniformity" else 1
    shown = [f"{value:.{digits}f}" for value in (mean, deviation) if not math.isnan(value)]
    return " ± ".join(shown) or "–"


def write(rows: Rows, folder: Path, command: str, protocol: str, environment: dict[str, str]) -> str:
    """Writes ``objectives.csv``, ``.md`` and ``.png``; returns the text."""
    rows = best_first(rows)
    table = []
    for name, lines in rows.items():
        row: dict[str, Any] = {"objective": name, "seeds": len(lines)}
        for measure in MEASURES:
            row |= zip((measure, f"{measure}, std"), (f"{v:.4g}" for v in mean_and_deviation(lines, measure)))
        table.append(row | {"settings": lines[0]["settings"]} | environment)
    with open(folder / "objectives.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)
    text = markdown(rows, command, protocol, environment)
    (folder / "objectives.md").write_text(text, encoding="utf-8")
    plot(rows, folder / "objectives.png")
    return text


def markdown(rows: Rows, command: str, protocol: str, environment: dict[str, str]) -> str:
    cells = {label(name, lines): {m: cell(lines, m) for m in MEASURES} for name, lines in rows.items()}
    settings = []
    for name in sorted(rows):
        if "loss" in (run := json.loads(rows[name][0]["settings"])):
            parts = [f"{key}={value!r}" for key, value in run["loss"].items()] + [f"learning rate {run['lr']:g}"]
            why = f"; {setting(name).why}" if setting(name).why else ""
            settings.append(f"- `{name}`: {', '.join(parts)}{why}")
    rates = ", ".join(f"{rate:g}" for rate in RATES)
    paragraphs = [
        "# Objectives on CIFAR-10, on a CPU",
        protocol,
        f"The same for all: SlimResNet {WIDTHS}, a projector to {EMBEDDING}, {SIZE}-pixel views, AdamW at {LR:g} with "
        f"decay {WEIGHT_DECAY:g}, warm-up of a tenth and a cosine. For losses of features the learning rate is chosen "
        f"among {rates} by the validation images, with seed 0.",
        "Effective rank and uniformity are those of the encoder's features of the test images. Seconds are those of "
        "training. Mean ± standard deviation over seeds, which change weights, batches and views.",
        f"`{command}`; {', '.join(f'{key} {value}' for key, value in environment.items())}.",
        results_table(cells, corner="objective"),
        "Arguments of each loss, with the reason for what is not its default, or not two views into the loss:",
        "\n".join(settings),
    ]
    return "\n\n".join(paragraphs) + "\n"


def plot(rows: Rows, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 0.9 + 0.27 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes, place = figure.add_subplot(), range(len(rows), 0, -1)
    for measure, color, marker in (("kNN", "#a3abb5", "s"), ("linear", "#3b6ea8", "o")):
        means, deviations = zip(*(mean_and_deviation(lines, measure) for lines in rows.values()))
        axes.errorbar(
            means, place, xerr=deviations, fmt=marker, color=color, markersize=5, capsize=2, label=f"{measure} probe"
        )
    axes.set_yticks(place, [label(name, lines) for name, lines in rows.items()])
    for tick, lines in zip(axes.get_yticklabels(), rows.values()):
        tick.set_color("black" if "loss" in json.loads(lines[0]["settings"]) else "#777777")
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.set_xlabel("test accuracy in percent, mean and standard deviation over seeds")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(path, dpi=150)
