"""The table and the plot of benchmarks/communities.py."""

import csv
import math
import statistics
from pathlib import Path
from typing import Any

from paired import color, difference, shown, verdict

from gnnclr.eval import results_table

MEASURES = ("linear", "seconds an epoch")
DETAILS = ("validation", "precision", "recall", "false negatives left")
PLAIN, ORACLE, FEATURES = "plain", "oracle: own label left out", "A²X, no training"
#: Finished runs, by data set and rule, in the order of seeds.
Rows = dict[str, dict[str, list[dict[str, str]]]]


def values(lines: list[dict[str, str]], measure: str, scale: float = 1.0) -> list[float]:
    return [scale * float(line[measure]) for line in lines]


def gain(rules: dict[str, list[dict[str, str]]], rule: str) -> tuple[float, float, float]:
    """The paired difference to plain in percent, over the seeds that both have, see :func:`paired.difference`."""
    found, plain = ({line["seed"]: line for line in rules[name]} for name in (rule, PLAIN))
    both = [seed for seed in found if seed in plain]
    return difference(*(values([lines[seed] for seed in both], "linear", 100) for lines in (found, plain)))


def write(rows: Rows, folder: Path, command: str, environment: dict[str, str]) -> str:
    """Writes ``communities.csv``, ``.md`` and ``.png``; returns the text."""
    table, tables = [], []
    for name, rules in rows.items():
        cells: dict[str, dict[str, Any]] = {}
        for rule, lines in rules.items():
            mean, deviation, half = gain(rules, rule)
            row = {"dataset": name, "rule": rule, "seeds": len(lines)}
            for measure in MEASURES + DETAILS:
                row[measure] = f"{statistics.fmean(values(lines, measure)):.4g}"
            plain = rule == PLAIN
            if not plain:
                row |= {"gain": f"{mean:.3g}", "gain, std": f"{deviation:.3g}", "half interval": f"{half:.3g}"}
            table.append(row | environment)
            cell: dict[str, Any] = {"seeds": str(len(lines)), "linear": values(lines, "linear")}
            cell |= {} if plain else {"paired": shown(mean, deviation), "95 %": verdict(mean, half)}
            for measure in DETAILS[1:]:
                found = statistics.fmean(values(lines, measure))
                cell[measure] = "–" if math.isnan(found) else f"{found:.2f}"
            cells[rule] = cell
        tables.append(results_table(cells, corner=name))
    with open(folder / "communities.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in table for key in row)))
        writer.writeheader()
        writer.writerows(table)
    text = "\n\n".join(
        [
            "# Community-aware negatives and neighbours as positives, in GRACE",
            "Accuracy on test nodes in percent, linear probe whose settings validation chooses, last epoch, seeds that "
            "no setting was chosen by; public splits for Cora, CiteSeer and PubMed, otherwise 10 % training, 10 % "
            "validation and 80 % test nodes, drawn by the seed. On CS and Physics all rows see 512 singular directions "
            "of tf-idf. A gain is the mean of the differences to plain GRACE of the same seed, ± "
            "their standard deviation; it is clear where the 95 % interval of Student's t leaves out zero, as one in "
            "twenty does by chance. Communities are found once and are the same for all seeds. "
            "Precision and recall, judged by labels, are those of the pairs that a rule takes from the negatives, by "
            "weight, or makes positives; the last column is the share of pairs with one label among those left. "
            "The oracle is told the labels of all nodes, test nodes among them: a diagnostic and no method.",
            f"`{command}`; {', '.join(f'{key} {value}' for key, value in environment.items())}.",
            *tables,
        ]
    )
    (folder / "communities.md").write_text(text + "\n", encoding="utf-8")
    plot(rows, folder / "communities.png")
    return text


def plot(rows: Rows, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown_rules = [rule for rule in dict.fromkeys(rule for rules in rows.values() for rule in rules) if rule != PLAIN]
    places = {rule: place for place, rule in enumerate(reversed(shown_rules))}
    across = min(3, len(rows))
    down = -(-len(rows) // across)
    figure = Figure(figsize=(3.2 + 2.9 * across, down * (1.2 + 0.32 * len(places))), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
    for axes in panels[len(rows) :]:
        axes.set_axis_off()
    for axes, (name, rules) in zip(panels, rows.items()):
        for rule in rules.keys() - {PLAIN}:
            mean, _, half = gain(rules, rule)
            style = {ORACLE: "#3b6ea8", FEATURES: "#b08030"}.get(rule) or color(mean, half)
            half = half if len(rules[rule]) > 2 else 0  # that of two seeds is wider than the figure
            axes.errorbar(mean, places[rule], xerr=half, fmt="o", capsize=2, color=style)
        base = 100 * statistics.fmean(values(rules[PLAIN], "linear"))
        axes.axvline(0, color="#444444", linewidth=1)
        axes.set_yticks(list(places.values()), list(places))
        axes.set_title(f"{name}, plain GRACE {base:.1f}", fontsize=10, loc="left")
        axes.grid(axis="x", color="#eeeeee")
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    figure.supxlabel("gain in test accuracy, points, with the 95 % interval from three seeds on", fontsize=9)
    figure.savefig(path, dpi=150)
