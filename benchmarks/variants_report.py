"""The table and the plot of benchmarks/variants.py."""

import csv
import math
import statistics
from pathlib import Path
from typing import Any

from paired import color, difference, shown, verdict

from gnnclr.configs import recipe_cards
from gnnclr.eval import results_table

MEASURES = ("kNN", "linear", "effective rank", "seconds")
DETAILS = ("kNN, validation", "linear, validation", "first loss", "last loss")
#: Finished runs, by recipe and in the order of seeds.
Rows = dict[str, list[dict[str, str]]]


def short(name: str) -> str:
    return name.removesuffix("-cifar10-cpu")


def values(lines: list[dict[str, str]], measure: str) -> list[float]:
    return [float(line[measure]) for line in lines]


def gain(rows: Rows, name: str, base: str, measure: str) -> tuple[float, float, float]:
    """The paired difference in percent, see :func:`paired.difference`."""
    return difference(*([100 * value for value in values(rows[each], measure)] for each in (name, base)))


def write(
    rows: Rows, bases: dict[str, str], folder: Path, command: str, protocol: str, environment: dict[str, str]
) -> str:
    """Writes ``variants.csv``, ``.md`` and ``.png``; returns the text."""
    cards = recipe_cards()
    groups: dict[str, list[str]] = {}
    for name in rows:
        if name in bases:
            groups.setdefault(bases[name], []).append(name)
    table, tables = [], []
    for base, names in groups.items():
        gains = {name: gain(rows, name, base, "linear") for name in names}
        cells: dict[str, dict[str, Any]] = {}
        for name in [base, *sorted(names, key=lambda name: -gains[name][0])]:
            lines = rows[name]
            cell: dict[str, Any] = {"technique": cards[name].get("technique", "base")}
            cell |= {measure: [v for v in values(lines, measure)] for measure in ("kNN", "linear")}
            row = {"recipe": name, "base": "" if name == base else base, "technique": cell["technique"]}
            for measure in MEASURES:
                found = values(lines, measure)
                deviation = statistics.stdev(found) if len(found) > 1 else math.nan
                row |= {measure: f"{statistics.fmean(found):.4g}", f"{measure}, std": f"{deviation:.4g}"}
            for measure in () if name == base else ("kNN", "linear"):
                mean, deviation, half = gain(rows, name, base, measure)
                cell[f"{measure}, paired"] = shown(mean, deviation)
                row |= {f"{measure}, gain": f"{mean:.3g}", f"{measure}, half interval": f"{half:.3g}"}
                if measure == "linear":
                    cell["95 %"] = row["verdict"] = verdict(mean, half)
            cell["rank"] = f"{statistics.fmean(values(lines, 'effective rank')):.0f}"
            cells[short(name)] = cell
            table.append(row | {"seeds": len(lines)} | environment)
        tables.append(results_table(cells, corner="recipe"))
    with open(folder / "variants.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in table for key in row)))
        writer.writeheader()
        writer.writerows(table)
    text = markdown(rows, groups, tables, command, protocol, environment)
    (folder / "variants.md").write_text(text, encoding="utf-8")
    plot(rows, groups, folder / "variants.png")
    return text


def markdown(
    rows: Rows,
    groups: dict[str, list[str]],
    tables: list[str],
    command: str,
    protocol: str,
    environment: dict[str, str],
) -> str:
    gains = {n: gain(rows, n, base, "linear") for base, names in groups.items() for n in names}
    found = {
        word: [short(n) for n in gains if verdict(gains[n][0], gains[n][2]) == word] for word in ("helps", "hurts")
    }
    clear = "; ".join(f"{word}: {', '.join(names)}" for word, names in found.items() if names) or "none is clear"
    seeds = max(len(lines) for lines in rows.values())
    paragraphs = [
        "# Techniques of graph networks inside contrastive methods, on CIFAR-10, on a CPU",
        protocol,
        "Every recipe is run as it stands in the package, but for the size of the encoder and the length of training; "
        "nothing is tuned. A gain is the mean over seeds of the difference to the base of the same seed, ± its "
        f"standard deviation. A difference is called clear where the 95 % interval of Student's t over {seeds} seeds "
        "leaves out zero, for the linear probe; with many rows and few seeds, one or two may be clear by chance.",
        f"Of {len(gains)} techniques at this budget, {clear}. All others make no clear difference.",
        "Published gains are from ResNet-18 on a GPU: SimCLR 84.5 → 85.4 with graph attention, SimSiam 83.8 → 84.8 "
        "with multi-stage aggregation. The recipes without `-cpu` are those settings; they were not run here.",
        f"`{command}`; {', '.join(f'{key} {value}' for key, value in environment.items())}.",
        *tables,
    ]
    return "\n\n".join(paragraphs) + "\n"


def plot(rows: Rows, groups: dict[str, list[str]], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    heights = [len(names) for names in groups.values()]
    figure = Figure(figsize=(7.5, 0.9 + 0.3 * sum(heights) + 0.45 * len(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axes, (base, names) in zip(panels[:, 0], groups.items()):
        gains = {name: gain(rows, name, base, "linear") for name in names}
        order = sorted(names, key=lambda name: gains[name][0])
        for place, name in enumerate(order):
            mean, _, half = gains[name]
            style = {"color": color(mean, half)}
            axes.errorbar(mean, place, xerr=0 if math.isnan(half) else half, fmt="o", capsize=2, **style)
            points = [100 * (a - b) for a, b in zip(values(rows[name], "linear"), values(rows[base], "linear"))]
            axes.plot(points, [place] * len(points), "|", markersize=8, **style)
        axes.set_yticks(range(len(order)), [short(name) for name in order])
        axes.set_ylim(-0.6, len(order) - 0.4)
        axes.axvline(0, color="#444444", linewidth=1)
        accuracy = 100 * statistics.fmean(values(rows[base], "linear"))
        axes.set_title(f"against {short(base)} ({accuracy:.1f})", fontsize=10, loc="left")
        axes.grid(axis="x", color="#eeeeee")
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    panels[-1, 0].set_xlabel("gain in test accuracy (linear probe), points: seeds, mean and 95 % interval")
    figure.savefig(path, dpi=150)
