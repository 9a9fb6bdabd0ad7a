"""Methods for graphs under one protocol."""

import json
import math
import shlex
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.recipes import Settings
from benchmarks.common.records import Line
from benchmarks.graphs import recipes
from benchmarks.graphs.bench import records
from benchmarks.graphs.features import BASELINES, TITLES, source
from benchmarks.graphs.rows import LINKS, LOOP, RUN, WITH_PX, Row
from benchmarks.pages.methods_rows import Found, current, earlier, others, place
from gnnclr.eval import results_table

#: Method to data set to the accuracy that was published for it, in percent, and ``sources``.
PUBLISHED = json.loads(Path(recipes.__file__).with_name("published.json").read_text(encoding="utf-8"))

PROTOCOL = """\
Accuracy on test nodes in percent, mean ± standard deviation over seeds. Encoders are trained without labels and \
frozen at the last epoch. The probe is an L2-regularized logistic regression, whose C and feature scaling are chosen \
on the validation nodes; test nodes are looked at once. Training settings that a search has chosen were chosen by \
validation accuracy, over seeds of its own. All rows have the same splits and the same probe, converged to the \
gradient that the tables name where it differs. Measures of clusters and of nearest nodes are of fewer seeds where a \
number follows them. Published numbers are under the protocols of their sources, which differ: some take the best \
epoch, some choose by test nodes."""

JOINED = f"""\
Rows{WITH_PX}: the probe sees standardized embeddings beside centered PPR X with unit rows, or PPR LSA where the \
method sees LSA, which is tf-idf, then truncated SVD."""

#: Lines of figures, for rows that need no training.
STYLES = {
    "lsa": ("#aa3377", (0, (8, 2))),
    "sgc": ("#b4232a", "-"),
    "ppr": ("#e07b00", "--"),
    "ppr-searched": ("#66ccee", (0, (1, 1))),
    "untrained": ("#228833", "-."),
    "raw": ("#7b8794", ":"),
}

BOTH = f"""\
The first number is the probe of the embeddings alone; the one after the bar that of the row{WITH_PX}, which has \
propagated features beside them. What has a dash was not run here."""

DROPPED = """\
Only in the tables below, as few of their cells would be filled: methods that were run on less than two thirds of the \
data sets, and data sets on which at most half of the other methods were run: {}."""

#: What marks a number of the earlier protocol.
MARK = "*"

COMPARED = f"""\
`gnnclr compare` trains the recipes of a table on the same graph; each table has its command. Rows of features alone \
are those that it prints, such as A²X on Cora: 81.7, with the same C and scaling, and on public splits so are, seed by \
seed and to the digit, rows of methods that are trained by `{RUN}`, whose runs are its own. Where splits differ by \
seed it takes one of them for all seeds, that of `--data.split`, so a seed of such a row is that of \
`gnnclr fit --config NAME --data.split=SEED --seed_everything=SEED`; and it has no rows with propagated features \
beside embeddings."""

EARLIER = f"""\
Numbers with a {MARK}, of rows that are trained by `{LOOP}`, are of an earlier protocol: a plain loop drew all of a \
training from one generator, where a run seeds each step by its number, so that it resumes bit for bit. All else is \
the same: both decay all parameters, vectors too, as the authors' code does, and settings, split and probe are equal. \
What was trained both ways stands side by side at the end of the tables. A command of this benchmark that names such \
a row trains it anew, and then no line of the loop counts: \
`python -m benchmarks.graphs.methods --methods all --datasets cora --probe-with-px --extras` renews those of Cora."""

BOTH_WAYS = """\
Rows that runs have trained and the plain loop before, with the same settings, splits and probe; the number of seeds \
in brackets. The loop had some of its seeds on another machine, as the files of results say."""

LINK_PROTOCOL = """\
Methods trained anew without 15 % of the edges: 5 % choose between cosine and dot product as the score of a pair, 10 % \
and as many pairs without an edge are ranked by it. Nothing is trained on pairs."""


def text(folder: Path, name: str, overrides: Sequence[str] = ()) -> str:
    """Means of the data sets side by side; a table for each, with the settings of its rows and rows with others; link
    prediction."""
    runs = records(folder, "runs")
    results, links = current(runs, overrides), current(records(folder, "links"), overrides, LINKS)
    rest = others(runs, results)
    lines = [line for rows in results.values() for seeds in rows.values() for line in seeds]
    several = {name for name in ("machine", "tol", "training") if len({line[name] for line in lines}) > 1}
    parts = ["## Methods", PROTOCOL, *conditions(folder, name, lines)]
    if len(results) > 1:
        parts += [*overview(results), JOINED, BOTH]
    if any(_methods(rows) for rows in results.values()):
        parts.append(COMPARED)
    if any(line["training"] == LOOP for line in lines):
        parts.append(EARLIER)
    if results:
        parts.append(f"![methods for graphs]({name}.png)")
    for dataset, rows in results.items():
        parts += dataset_part(dataset, rows, rest.get(dataset, {}), several, overrides)
    parts += both_ways(results, earlier(runs, results))
    if len(results) == 1 and any(row.endswith(WITH_PX) for rows in results.values() for row in rows):
        parts.append(JOINED)
    if links:
        parts += ["## Link prediction", LINK_PROTOCOL]
    for dataset, rows in links.items():
        cells = {_title(row): _link_cells(lines) for row, lines in rows.items()}
        parts.append(results_table(cells, corner=dataset))
    return "\n\n".join(parts)


def both_ways(results: Found, before: Found) -> list[str]:
    """Rows that were trained by runs and by the plain loop, side by side."""
    cells = {
        f"{dataset} {_title(row)}": {
            what: f"{_mean(each).removesuffix(MARK)} ({len(each)})"
            for what, each in (("compare", results[dataset][row]), ("loop", lines))
        }
        for dataset, rows in before.items()
        for row, lines in rows.items()
    }
    return ["### Trained both ways", BOTH_WAYS, results_table(cells, corner="test")] if cells else []


def conditions(folder: Path, name: str, lines: list[Line]) -> list[str]:
    """Where and when the rows were measured."""
    found = {name: sorted({line[name] for line in lines}) for name in ("machine", "threads", "date")}
    dates = found["date"]
    return [
        f"Last command: {origin(folder, name)} All finished runs with the present settings are here, those of earlier "
        "commands too.",
        f"- runs of {' to '.join(dict.fromkeys(dates[:1] + dates[-1:])) or '–'}\n"
        f"- machine: {'; '.join(found['machine']) or '–'}; threads: {', '.join(found['threads']) or '–'}",
    ]


def overview(results: Found) -> list[str]:
    """Rows by data sets, those that have most of them; beside propagated features after the bar."""
    cells: dict[str, dict[str, str]] = {}
    for dataset, rows in results.items():
        for row in rows:
            if row.endswith(WITH_PX):
                continue
            found = [_mean(rows[each]) for each in (row, row + WITH_PX) if each in rows]
            cells.setdefault(row, {})[dataset] = " \\| ".join(found)
    rows, datasets = mostly_there(cells, results)
    order = sorted(rows, key=place)
    table = results_table({_title(row): {name: cells[row].get(name, "") for name in datasets} for row in order})
    dropped = [*sorted(cells.keys() - rows, key=place), *(name for name in results if name not in datasets)]
    return [table, DROPPED.format(", ".join(map(_title, dropped)))] if dropped else [table]


def mostly_there(cells: Mapping[str, Mapping[str, str]], datasets: Iterable[str]) -> tuple[list[str], list[str]]:
    """Methods with at least two thirds of the data sets, and then data sets with more than half of these methods; rows
    without training stay.

    Args:
        cells (mapping): The data sets of each row.
        datasets (iterable of str): All data sets, in the order of the table.
    """
    datasets = list(datasets)
    rows = [row for row in cells if row in BASELINES or 3 * len(cells[row]) >= 2 * len(datasets)]
    methods = [row for row in rows if row not in BASELINES]
    kept = [name for name in datasets if not methods or 2 * sum(name in cells[row] for row in methods) > len(methods)]
    return rows, kept


def _mean(lines: list[Line]) -> str:
    values = [100 * value for value in _numbers(lines, "test")]  # added up and rounded as in the tables below
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{sum(values) / len(values):.1f}{spread}{MARK * (lines[0]['training'] == LOOP)}"


def dataset_part(dataset: str, rows: dict, rest: dict, several: set[str], overrides: Sequence[str] = ()) -> list[str]:
    """The table of a data set, the settings of its rows, and rows with other settings."""
    cells = {_title(row): _cells(lines, several) for row, lines in rows.items()}
    settings = []
    for row, lines in rows.items():
        published = PUBLISHED.get(row, {})
        if dataset in published:
            cells[_title(row)]["published"] = f"{published[dataset]:.1f}"
        if not row.endswith(WITH_PX):
            settings.append(f"- {_title(row)}: {_settings(dataset, row, lines[0])}")
            settings[-1] += f"; published: {published['sources']}" if dataset in published else ""
    parts = [f"### {dataset}", results_table(cells, corner="row"), "Settings:", "\n".join(settings)]
    if _methods(rows):
        parts.append(f"By the command line: `{compare_command(dataset, rows, overrides)}`")
    if rest:
        numbered = {f"{title.split(',')[0]}, other {i}": title for i, title in enumerate(rest, 1)}
        cells = {short: _cells(rest[title], several) for short, title in numbered.items()}
        listed = [f"- {short}: {title.partition(', ')[2]}" for short, title in numbered.items()]
        parts += ["Other settings, and what they override:", results_table(cells, corner="row"), "\n".join(listed)]
    return parts


def _methods(rows: Mapping[str, list[Line]]) -> list[str]:
    """The rows of methods with a recipe of the package."""
    return [row for row in rows if row in recipes.METHODS]


def compare_command(dataset: str, rows: Mapping[str, list[Line]], overrides: Sequence[str] = ()) -> str:
    """The command that trains the methods of a table over as many seeds as the row with the most.

    Args:
        dataset (str): The data set.
        rows (mapping): The lines of each row.
        overrides (sequence of str, optional): Overrides of the recipes. (default: none)
    """
    methods = sorted(_methods(rows), key=place)
    seeds = max(len(rows[row]) for row in methods)
    given = [f"--configs={','.join(methods)}", f"--data.dataset={dataset}", "--data.root=DATA", *overrides]
    return shlex.join(["gnnclr", "compare", *given, f"--seeds={seeds}"])


def _settings(dataset: str, row: str, line: Line) -> str:
    if row in BASELINES:
        return f"`{json.dumps(Row(row, dataset).own)}`, {source(row, dataset)}"
    return Settings.read(line).source


def _title(row: str) -> str:
    return TITLES.get(row, row)


def _cells(lines: list[Line], several: set[str]) -> dict[str, str | list[float]]:
    cells: dict[str, str | list[float]] = {"seeds": str(len(lines))}
    for key, title in (("test", "test"), ("val", "validation"), ("nmi", "NMI"), ("ari", "ARI"), ("sim5", "Sim@5")):
        values = _numbers(lines, key)
        if values and len(values) < len(lines):
            spread = f" ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else ""
            cells[title] = f"{100 * statistics.fmean(values):.1f}{spread} ({len(values)})"
        elif values:
            cells[title] = values
    for key, title, digits in (
        ("seconds", "s a run", 1),
        ("epoch_seconds", "s an epoch", 3),
        ("peak_mb", "peak MB", 0),
    ):
        values = _numbers(lines, key)
        if values:
            cells[title] = f"{max(values) if key == 'peak_mb' else statistics.median(values):.{digits}f}"
    for key, title in (("machine", "machine"), ("tol", "probe's gradient"), ("training", "trained by")):
        if key in several:
            cells[title] = "; ".join(sorted({line[key].split(",")[0] for line in lines})) or "–"
    return cells


def _link_cells(lines: list[Line]) -> dict[str, str | list[float]]:
    cells: dict[str, str | list[float]] = {"seeds": str(len(lines)), "AUC": _numbers(lines, "auc")}
    return cells | {"average precision": _numbers(lines, "ap"), "trained by": lines[0]["training"] or "–"}


def _numbers(lines: list[Line], key: str) -> list[float]:
    return [float(line[key]) for line in lines if line[key] not in ("", "nan")]


def plot(folder: Path, path: Path, overrides: Sequence[str] = ()) -> None:
    """A panel a data set."""
    from benchmarks.common.plots import new_figure, save

    results = current(records(folder, "runs"), overrides)
    if not results:
        return
    most = max(len({row.removesuffix(WITH_PX) for row in rows}) for rows in results.values())
    columns = min(len(results), 3 if most < 12 else 2)
    height = math.ceil(len(results) / columns)
    figure = new_figure(15.6 / 3 * columns + 0.2 * most, 3.8 * height)
    for i, (dataset, rows) in enumerate(results.items()):
        panel(figure.add_subplot(height, columns, i + 1), dataset, rows)
    figure.supxlabel(
        "Bars: mean and standard deviation over seeds, dark: embeddings, light: beside propagated features; diamonds: "
        "published. The vertical axes do not start at zero.",
        fontsize=8,
    )
    save(figure, path)


def panel(axis, dataset: str, rows: dict[str, list[Line]]) -> None:
    """Methods as bars with the standard deviation, alone and beside propagated features, rows without training as
    lines, published numbers as points."""
    from benchmarks.common.plots import INK, LIGHT, OURS, bare

    score = {row: [100 * value for value in _numbers(lines, "test")] for row, lines in rows.items()}
    mean = {row: statistics.fmean(values) for row, values in score.items()}
    std = {row: statistics.stdev(values) if len(values) > 1 else 0.0 for row, values in score.items()}
    methods = list(dict.fromkeys(row.removesuffix(WITH_PX) for row in rows if row not in BASELINES))
    for x, method in enumerate(methods):
        for row, shift, color in ((method, -0.2, OURS), (method + WITH_PX, 0.2, LIGHT)):
            if row in rows:
                error = {"yerr": std[row], "ecolor": INK, "capsize": 2} if len(score[row]) > 1 else {}
                axis.bar(x + shift, mean[row], width=0.4, color=color, **error)
        if dataset in PUBLISHED.get(method, {}):
            axis.plot(x - 0.2, PUBLISHED[method][dataset], "D", color=INK, markersize=4, zorder=3)
    for row, (color, style) in [(row, style) for row, style in STYLES.items() if row in rows]:
        axis.axhline(mean[row], color=color, linestyle=style, linewidth=1.3, label=f"{TITLES[row]} {mean[row]:.1f}")
    published = [PUBLISHED[row][dataset] for row in rows if dataset in PUBLISHED.get(row, {})]
    low = min([mean[row] - std[row] for row in rows] + published)
    high = max([mean[row] + std[row] for row in rows] + published)
    margin = max(1.0, 0.08 * (high - low))
    axis.set_ylim(max(0.0, low - margin), min(100.0, high + 4 * margin))
    axis.set_xticks(range(len(methods)), methods, rotation=35, ha="right", fontsize=8)
    axis.set_title(f"{Path(dataset).name}", fontsize=10)
    axis.set_ylabel("test accuracy, %")
    bare(axis)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize=7, ncols=2, frameon=False, loc="upper left")
