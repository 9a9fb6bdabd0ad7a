"""Community-aware negatives and neighbors as positives, in GRACE."""

import json
import math
import shlex
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common.machine import origin
from benchmarks.common.paired import gain
from benchmarks.common.recipes import COLUMNS
from benchmarks.common.records import Line, Records, numbers, runs
from benchmarks.graphs.community_rules import FEATURES, ORACLE, PLAIN, RULES
from benchmarks.graphs.grace_recipes import COMMUNITIES, changed
from gnnclr.eval import results_table

MEASURES = ("linear", "seconds an epoch")
DETAILS = ("validation", "precision", "recall", "false negatives left")
#: Rules and the lines of their seeds.
Rules = dict[str, list[Line]]

ABOUT = """\
Accuracy on test nodes in percent, linear probe whose settings validation chooses, last epoch, seeds that no setting \
was chosen by; public splits for Cora, CiteSeer and PubMed, otherwise 10 % training, 10 % validation and 80 % test \
nodes, drawn by the seed. On CS and Physics all rows see 512 singular directions of tf-idf. A gain is the mean of the \
differences to plain GRACE of the same seed, ± their standard deviation; it is clear where the 95 % interval of \
Student's t leaves out zero, as one in twenty does by chance. Communities are found once and are the same for all \
seeds. Precision and recall, judged by labels, are those of the pairs that a rule takes from the negatives, by weight, \
or makes positives; false negatives left are the share of pairs with one label among the others. The oracle is told \
the labels of all nodes, test nodes among them: a diagnostic and no method. Seconds are the median of the seeds. \
Settings are those of recipes; those of CS and Physics were chosen for Photo:"""


def communities_records(folder: Path) -> Records:
    """A row a rule, seed and settings, the data set among them."""
    return runs(folder / "communities_runs.csv", "rule", MEASURES + DETAILS, COLUMNS)


def arranged(folder: Path, overrides: Sequence[str] = ()) -> tuple[dict[str, Rules], dict[str, dict[str, Rules]]]:
    """Data set to rules under the present settings, those of recipes with overrides, and data set to other overrides
    to rules."""
    chosen = changed(COMMUNITIES, overrides)
    groups: dict[str, list[Line]] = {}
    for line in communities_records(folder).rows():
        groups.setdefault(line["settings"], []).append(line)
    present: dict[str, Rules] = {}
    others: dict[str, dict[str, Rules]] = {}
    for text, lines in groups.items():
        settings = json.loads(text)
        name = settings["dataset"]
        rules = {rule: [line for line in lines if line["rule"] == rule] for rule in [*RULES, FEATURES]}
        rules = {rule: sorted(found, key=lambda line: int(line["seed"])) for rule, found in rules.items() if found}
        if PLAIN not in rules:
            continue
        if settings["hash"] == chosen[name].hash:
            present[name] = rules
        else:
            differs = [one for one in shlex.split(lines[0]["overrides"]) if one not in chosen[name].overrides]
            words = f"`{shlex.join(differs)}`" if differs else "a recipe that has changed since"
            others.setdefault(name, {})[f"{words}, on {settings['device']}"] = rules
    return {name: present[name] for name in chosen if name in present}, others


def text(folder: Path, name: str, overrides: Sequence[str] = ()) -> str:
    """The gains of all data sets side by side, a table for each, and one for each of other settings."""
    present, others = arranged(folder, overrides)
    if not present:
        return ""
    settings = {dataset: changed(COMMUNITIES, overrides)[dataset] for dataset in present}
    parts = ["## Gains", ABOUT, "\n".join(f"- {dataset}: {one.words}" for dataset, one in settings.items())]
    parts += [origin(folder, name)]
    if len(present) > 1:
        parts += [gains_table(present), "In bold are differences whose 95 % interval leaves out zero."]
    parts += ["![gains by rule](communities.png)", "## All rows"]
    parts += [rules_table(dataset, rules) for dataset, rules in present.items()]
    if others:
        parts += ["## Other settings", "By what they override besides."]
    for dataset, found in others.items():
        for words, rules in found.items():
            parts += [f"{dataset}, {words}:", rules_table(dataset, rules)]
    return "\n\n".join(parts)


def gains_table(present: dict[str, Rules]) -> str:
    """Rules by data sets, clear differences in bold."""
    cells: dict[str, dict[str, str]] = {}
    for dataset, rules in present.items():
        column = f"{dataset}, plain {statistics.fmean(numbers(rules[PLAIN], 'linear', 100)):.1f}"
        for rule in [*RULES, FEATURES]:
            if rule != PLAIN and rule in rules:
                found = gain(rules[rule], rules[PLAIN], "linear")
                clear = found.verdict in ("helps", "hurts")
                cells.setdefault(rule, {})[column] = f"**{found}**" if clear else str(found)
    order = [rule for rule in [*RULES, FEATURES] if rule in cells]
    return results_table({rule: cells[rule] for rule in order}, corner="gain, points")


def rules_table(dataset: str, rules: Rules) -> str:
    """All that was measured of a data set."""
    cells: dict[str, dict[str, Any]] = {}
    for rule, lines in rules.items():
        cell: dict[str, Any] = {"seeds": str(len(lines)), "linear": numbers(lines, "linear")}
        cell["validation"] = numbers(lines, "validation")
        for measure in DETAILS[1:]:
            mean = statistics.fmean(numbers(lines, measure))
            cell[measure] = "–" if math.isnan(mean) else f"{mean:.2f}"
        seconds = statistics.median(numbers(lines, "seconds an epoch"))
        cell["s an epoch"] = "–" if math.isnan(seconds) else f"{seconds:.2f}"
        if rule != PLAIN:
            found = gain(lines, rules[PLAIN], "linear")
            interval = "" if math.isnan(found.half) else f"± {found.half:.1f}, "
            cell |= {"paired": str(found), "95 %": interval + found.verdict}
        cells[rule] = cell
    return results_table(cells, corner=dataset)


def plot(folder: Path, path: Path, overrides: Sequence[str] = ()) -> None:
    """A panel a data set: gains with their intervals."""
    from benchmarks.common import plots

    rows, _ = arranged(folder, overrides)
    shown = [rule for rule in dict.fromkeys(rule for rules in rows.values() for rule in rules) if rule != PLAIN]
    places = {rule: place for place, rule in enumerate(reversed(shown))}
    across = min(3, len(rows))
    down = -(-len(rows) // across)
    figure = plots.new_figure(3.2 + 2.9 * across, down * (1.2 + 0.32 * len(places)))
    panels = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
    for axes in panels[len(rows) :]:
        axes.set_axis_off()
    for axes, (name, rules) in zip(panels, rows.items()):
        for rule in [rule for rule in shown if rule in rules]:
            found = gain(rules[rule], rules[PLAIN], "linear")
            color = {ORACLE: plots.ORACLE, FEATURES: plots.FEATURES}.get(rule) or plots.verdict_color(found)
            half = found.half if len(rules[rule]) > 2 else 0  # that of two seeds is wider than the figure
            axes.errorbar(found.mean, places[rule], xerr=half, fmt="o", capsize=2, color=color)
        base = statistics.fmean(numbers(rules[PLAIN], "linear", 100))
        axes.axvline(0, color="#444444", linewidth=1)
        axes.set_yticks(list(places.values()), list(places))
        axes.set_title(f"{name}, plain GRACE {base:.1f}", fontsize=10, loc="left")
        plots.bare(axes, grid="x", left=False)
    figure.supxlabel("gain in test accuracy, points, with the 95 % interval from three seeds on", fontsize=9)
    plots.save(figure, path)
