"""Techniques of graph networks, each against the recipe that it changes."""

import json
import math
import shlex
import statistics
from pathlib import Path
from typing import Any

from benchmarks.common.machine import origin
from benchmarks.common.paired import gain
from benchmarks.common.recipes import Settings
from benchmarks.common.records import Line, Records, latest, numbers, runs
from benchmarks.images.objectives_settings import WIDTHS
from gnnclr.configs import recipe_cards
from gnnclr.eval import results_table

MEASURES = ("kNN", "linear", "effective rank", "seconds")
DETAILS = ("kNN, validation", "linear, validation", "first loss", "last loss")
#: Finished runs, by recipe and in the order of seeds.
Rows = dict[str, list[Line]]


def variants_records(folder: Path) -> Records:
    """A row a recipe, seed and settings."""
    return runs(folder / "variants_runs.csv", "recipe", MEASURES + DETAILS, ("overrides",))


def short(name: str) -> str:
    return name.removesuffix("-cifar10-cpu")


def grouped(folder: Path) -> tuple[Rows, dict[str, list[str]], dict[str, str]]:
    """The latest runs; each base with the recipes that change it, best first; and their techniques."""
    rows, cards = latest(variants_records(folder).rows(), "recipe"), recipe_cards()
    techniques = {name: cards[name]["technique"] for name in rows if "technique" in cards.get(name, {})}
    groups: dict[str, list[str]] = {}
    for name in rows:
        if name in techniques and cards[name]["base"] in rows:
            groups.setdefault(cards[name]["base"], []).append(name)
    for base, names in groups.items():
        names.sort(key=lambda name: -gain(rows[name], rows[base], "linear").mean)
    return rows, dict(sorted(groups.items())), techniques


def text(folder: Path, name: str) -> str:
    """A table for each base."""
    rows, groups, techniques = grouped(folder)
    if not groups:
        return ""
    tables = [table(rows, base, names, techniques) for base, names in groups.items()]
    gains = {n: gain(rows[n], rows[base], "linear") for base, names in groups.items() for n in names}
    found = {word: [short(n) for n, each in gains.items() if each.verdict == word] for word in ("helps", "hurts")}
    clear = "; ".join(f"{word}: {', '.join(names)}" for word, names in found.items() if names) or "none is clear"
    seeds = max(len(lines) for lines in rows.values())
    run = json.loads(next(iter(rows.values()))[0]["settings"])
    used = {name: Settings.read(lines[0]) for name, lines in rows.items()}
    shared = [w for w in next(iter(used.values())).overrides if all(w in each.overrides for each in used.values())]
    images = next(int(word.partition("=")[2]) for word in shared if word.startswith("--data.limit="))
    own = {name: [word for word in each.overrides if word not in shared] for name, each in used.items()}
    others = "".join(f"; `{short(name)}` also with `{shlex.join(words)}`" for name, words in own.items() if words)
    return "\n\n".join(
        [
            "## Techniques of graph networks",
            f"{run['epochs']} epochs of {images:,} training images of CIFAR-10, in the batches of the recipes, with a "
            f"SlimResNet {WIDTHS}: `{shlex.join(shared)}`{others}. Probes fit on {run['fit']:,} training images and "
            "choose their settings "
            f"on {run['choose']:,} validation images; accuracy in percent on 10,000 test images. Every recipe is run "
            "as it stands in the package, but for the size of the encoder and the length of training; nothing is "
            "tuned. A gain is the mean over seeds of the difference to the base of the same seed, ± its standard "
            f"deviation. It is clear where the 95 % interval of Student's t over {seeds} seeds leaves out zero, for "
            "the linear probe; with many rows and few seeds, one or two may be clear by chance.",
            f"Of {len(gains)} techniques at this budget, {clear}. All others make no clear difference.",
            origin(folder, name),
            *tables,
            "![gains by technique](variants.png)",
        ]
    )


def table(rows: Rows, base: str, names: list[str], techniques: dict[str, str]) -> str:
    cells: dict[str, dict[str, Any]] = {}
    for name in [base, *names]:
        cell: dict[str, Any] = {"technique": "base" if name == base else techniques[name]}
        cell |= {measure: numbers(rows[name], measure) for measure in ("kNN", "linear")}
        if name != base:
            near, found = (gain(rows[name], rows[base], measure) for measure in ("kNN", "linear"))
            interval = "" if math.isnan(found.half) else f"± {found.half:.1f}, "
            cell |= {"kNN, paired": str(near), "linear, paired": str(found), "95 %": interval + found.verdict}
        cell["rank"] = f"{statistics.fmean(numbers(rows[name], 'effective rank')):.0f}"
        cell["s"] = f"{statistics.fmean(numbers(rows[name], 'seconds')):.0f}"
        cells[short(name)] = cell
    return results_table(cells, corner="recipe")


def plot(folder: Path, path: Path) -> None:
    """A panel a base: gains of seeds, their means and intervals."""
    from benchmarks.common.plots import bare, new_figure, save, verdict_color

    rows, groups, _ = grouped(folder)
    heights = [len(names) for names in groups.values()]
    figure = new_figure(7.5, 0.9 + 0.3 * sum(heights) + 0.45 * len(heights))
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axes, (base, names) in zip(panels[:, 0], groups.items()):
        names = names[::-1]
        for place, name in enumerate(names):
            found = gain(rows[name], rows[base], "linear")
            style = {"color": verdict_color(found)}
            half = 0 if math.isnan(found.half) else found.half
            axes.errorbar(found.mean, place, xerr=half, fmt="o", capsize=2, **style)
            pairs = zip(numbers(rows[name], "linear", 100), numbers(rows[base], "linear", 100))
            points = [a - b for a, b in pairs]
            axes.plot(points, [place] * len(points), "|", markersize=8, **style)
        axes.set_yticks(range(len(names)), [short(name) for name in names])
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.axvline(0, color="#444444", linewidth=1)
        accuracy = statistics.fmean(numbers(rows[base], "linear", 100))
        axes.set_title(f"against {short(base)} ({accuracy:.1f})", fontsize=10, loc="left")
        bare(axes, grid="x", left=False)
    panels[-1, 0].set_xlabel("gain in test accuracy (linear probe), points: seeds, mean and 95 % interval")
    save(figure, path)
