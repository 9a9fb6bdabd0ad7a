"""One default for a graph that nobody has seen."""

import math
import statistics
from collections.abc import Callable
from pathlib import Path

from benchmarks.common.machine import origin
from benchmarks.common.records import Line, Records
from gnnclr.eval import paired_difference, results_table
from gnnclr.node.choice.propagation import CELLS
from gnnclr.node.sparse.propagation_blocks import CONCATENATION, blocks_text

#: The recipe.
AUTO = "auto-graph"
CELL_KEY = ("dataset", "protocol", "features", "blocks", "seed")
RUN_KEY = ("dataset", "protocol", "row", "seed", "hash")
JOINED, PLAIN, SQUARE = blocks_text(CONCATENATION), "ppr(0, 0)", "ppr(0, 2)"
#: Data sets whose features have few columns, so that compact ones are the same, and are probed once.
AS_THEY_ARE = ("pubmed",)
#: A row whose rule was fixed without the data set at hand.
OUTSIDE = "best on the other graphs"
TITLES = {"random": "10 % training, 10 % validation, 80 % test nodes", "public": "Public splits"}

#: The scores of a row by seed.
Scores = dict[int, float]
#: The cells of a seed by their blocks.
Cells = dict[str, Line]


def cell_records(folder: Path) -> Records:
    """A line for each cell without training and seed."""
    return Records(folder / "auto_cells.csv", (*CELL_KEY, "test", "val", "nodes", "seconds"), CELL_KEY)


def run_records(folder: Path) -> Records:
    """A line for each training."""
    measures = ("test", "val", "nodes", "chosen", "seconds", "training", "steps", "epochs", "recipe", "overrides")
    return Records(folder / "auto_runs.csv", (*RUN_KEY, *measures), RUN_KEY)


def criteria_records(folder: Path) -> Records:
    """A line for each cell, scored without labels."""
    measures = ("link_auc", "link_error", "rankme", "stability")
    return Records(folder / "auto_criteria.csv", ("dataset", "blocks", *measures), ("dataset", "blocks"))


def seeds_of(lines: list[Line], dataset: str, protocol: str, features: str) -> dict[int, Cells]:
    """The cells of each seed."""
    found: dict[int, Cells] = {}
    for line in lines:
        if (line["dataset"], line["protocol"], line["features"]) == (dataset, protocol, features):
            found.setdefault(int(line["seed"]), {})[line["blocks"]] = line
    return dict(sorted(found.items()))


def full(seeds: dict[int, Cells]) -> dict[int, Cells]:
    """The seeds that have all cells which a choice is among."""
    names = {blocks_text((cell,)) for cell in CELLS}
    return {seed: cells for seed, cells in seeds.items() if names <= cells.keys()}


def by_validation(cells: Cells) -> str:
    """The cell with the best validation accuracy; the concatenation is none."""
    return max((name for name in cells if name not in (JOINED, PLAIN)), key=lambda name: float(cells[name]["val"]))


def beyond_error(cells: Cells) -> str:
    """The concatenation, unless a cell is better by more than one standard error."""
    best, p, n = by_validation(cells), float(cells[JOINED]["val"]), int(cells[JOINED]["nodes"])
    return best if float(cells[best]["val"]) > p + math.sqrt(p * (1 - p) / n) else JOINED


def rows_of(folder: Path, dataset: str, protocol: str) -> dict[str, Scores]:
    """The test accuracies of all rows of a data set, in percent."""
    lines = cell_records(folder).rows()
    compact = seeds_of(lines, dataset, protocol, "compact")
    raw = compact if dataset in AS_THEY_ARE else seeds_of(lines, dataset, protocol, "raw")

    def pick(seeds: dict[int, Cells], choose: Callable[[Cells], str]) -> Scores:
        chosen = {seed: cells.get(choose(cells)) for seed, cells in seeds.items()}
        return {seed: 100 * float(line["test"]) for seed, line in chosen.items() if line is not None}

    lsa = {} if dataset in AS_THEY_ARE else compact
    rows = {
        "X": pick(raw, lambda _: PLAIN),
        "A²X": pick(raw, lambda _: SQUARE),
        "PPR of X, searched": pick(full(raw), by_validation),
        "LSA": pick(lsa, lambda _: PLAIN),
        "A² of LSA": pick(lsa, lambda _: SQUARE),
        "PPR of LSA, searched": pick(full(lsa), by_validation),
        "the concatenation": pick(compact, lambda _: JOINED),
        "auto-graph, without its training": pick(full(compact), beyond_error),
    }
    for line in run_records(folder).rows():
        if (line["dataset"], line["protocol"]) == (dataset, protocol):
            rows.setdefault(name_of(line), {})[int(line["seed"])] = 100 * float(line["test"])
    return {name: scores for name, scores in rows.items() if scores}


def elsewhere(folder: Path, protocol: str) -> dict[str, tuple[str, Scores]]:
    """For each data set the rule that is best on all others, by the mean of their mean test accuracies, and what it
    gives: a cell, the concatenation, or a choice by validation."""
    lines, means, found = cell_records(folder).rows(), {}, {}
    datasets = dict.fromkeys(line["dataset"] for line in lines if line["protocol"] == protocol)
    fixed = [JOINED, *(blocks_text((cell,)) for cell in CELLS)]
    rules = {name: lambda _, name=name: name for name in fixed}
    rules |= {"the best by validation": by_validation, "beyond a standard error": beyond_error}
    for dataset in datasets:
        seeds = full(seeds_of(lines, dataset, protocol, "compact"))
        for name, choose in rules.items() if seeds else ():
            scores = {seed: 100 * float(cells[choose(cells)]["test"]) for seed, cells in seeds.items()}
            means.setdefault(dataset, {})[name] = scores
    for dataset, own in means.items():
        others = [scores for other, scores in means.items() if other != dataset]
        if others:
            total = {name: sum(statistics.fmean(scores[name].values()) for scores in others) for name in rules}
            best = max(total, key=total.get)
            found[dataset] = best, own[best]
    return found


def name_of(line: Line) -> str:
    """The name of a method, which says where its training was stopped."""
    return f"`{line['row']}`" + (" (stopped)" if int(line["steps"]) < int(line["epochs"]) else "")


def best_row(rows: dict[str, Scores]) -> str:
    """The row with the best mean, among those with the most seeds."""
    most = max(map(len, rows.values()))
    return max(
        (name for name in rows if len(rows[name]) == most), key=lambda name: statistics.fmean(rows[name].values())
    )


def with_each_training(rows: dict[str, Scores]) -> dict[str, Scores]:
    """Rows on one split, where those without training are the same beside each training of the others."""
    seeds = sorted(set().union(*rows.values()))
    return {
        name: scores if name.startswith("`") else dict.fromkeys(seeds, next(iter(scores.values())))
        for name, scores in rows.items()
    }


def regret(scores: Scores, best: Scores) -> str:
    """Points below another row, with the 95 % interval of the mean over common seeds."""
    both = sorted(scores.keys() & best.keys())
    if not both:
        return "–"
    found = paired_difference([best[seed] for seed in both], [scores[seed] for seed in both])
    alike = math.isnan(found.half) or found.half < 1e-9  # one seed, or nothing depends on it
    interval = "" if alike else f" [{found.mean - found.half:.2f}, {found.mean + found.half:.2f}]"
    return f"{found.mean:.2f}{interval}"


def tables(folder: Path, protocol: str) -> str:
    """The accuracies and the regrets under a protocol."""
    datasets = {line["dataset"]: None for line in cell_records(folder).rows() if line["protocol"] == protocol}
    found = {dataset: rows_of(folder, dataset, protocol) for dataset in datasets}
    outside = elsewhere(folder, protocol)
    for dataset, (_, scores) in outside.items():
        found[dataset][OUTSIDE] = scores
    names = list(dict.fromkeys(name for rows in found.values() for name in rows))
    names.sort(key=lambda name: name.startswith("`"))
    accuracy = {name: {of: _accuracy(rows[name]) for of, rows in found.items() if name in rows} for name in names}
    if protocol == "public":
        found = {dataset: with_each_training(rows) for dataset, rows in found.items()}
    below = {
        name: {of: regret(rows[name], rows[best_row(rows)]) for of, rows in found.items() if name in rows}
        for name in names
    }
    parts = [f"## {TITLES[protocol]}", results_table(accuracy, corner="test, %")]
    best = "; ".join(f"{dataset}: {best_row(rows)}" for dataset, rows in found.items())
    parts += [f"Points below the best row of the graph ({best}):", results_table(below, corner="regret, points")]
    if outside:
        rules = "; ".join(f"{dataset}: {name}" for dataset, (name, _) in outside.items())
        parts.append(
            f"The row *{OUTSIDE}* leaves the graph out: of all cells, the concatenation, the best cell by validation "
            f"and the rule of `auto-graph` it takes what has the best mean test accuracy on the others ({rules})."
        )
    return "\n\n".join(parts)


def _accuracy(scores: Scores) -> str:
    values = list(scores.values())
    if len(values) == 1:
        return f"{values[0]:.1f} (1)"
    return f"{statistics.fmean(values):.1f} ± {statistics.stdev(values):.1f} ({len(values)})"


def criteria(folder: Path) -> str:
    """What features lose that are chosen by a criterion, against those that validation chooses."""
    scored: dict[str, dict[str, Line]] = {}
    for line in criteria_records(folder).rows():
        scored.setdefault(line["dataset"], {})[line["blocks"]] = line
    lines, table = cell_records(folder).rows(), {}
    for dataset, known in scored.items():
        seeds = full(seeds_of(lines, dataset, "random", "compact"))
        for name, choose in _choices(known).items():
            lost = {
                seed: 100 * (float(cells[by_validation(cells)]["test"]) - float(cells[choose(cells)]["test"]))
                for seed, cells in seeds.items()
            }
            if lost:
                table.setdefault(name, {})[dataset] = regret(dict.fromkeys(lost, 0.0), lost)
    if not table:
        return ""
    about = (
        "Points of test accuracy that a choice among the 16 cells, or the concatenation, loses against the cell with "
        "the best validation accuracy, with the 95 % interval of the mean over splits; below zero it gains. RankMe is "
        "the effective rank; stability is the share of ten nearest neighbors that two copies of the graph have in "
        "common, which lack a fifth of the edges each; both of at most 4,096 nodes."
    )
    return "\n\n".join(["## Choices without labels", about, results_table(table, corner="lost, points")])


def _choices(known: dict[str, Line]) -> dict[str, Callable[[Cells], str]]:
    cells = [name for name in known if name != JOINED]

    def largest(measure: str) -> str:
        return max(cells, key=lambda name: float(known[name][measure]))

    linked, bar = largest("link_auc"), float(known[JOINED]["link_auc"]) + float(known[JOINED]["link_error"])
    ranked, stable = largest("rankme"), largest("stability")
    beyond = linked if float(known[linked]["link_auc"]) > bar else JOINED
    return {
        "validation, by more than a standard error": beyond_error,
        "the concatenation": lambda _: JOINED,
        "link AUC": lambda _: linked,
        "link AUC, by more than a standard error": lambda _: beyond,
        "RankMe": lambda _: ranked,
        "stability of neighbors": lambda _: stable,
    }


def text(folder: Path, name: str) -> str:
    """All tables; empty without results."""
    lines = cell_records(folder).rows()
    if not lines:
        return ""
    about = (
        "Mean ± standard deviation over splits, or over trainings on a public split (how many in brackets). Every "
        "graph is given to every recipe as a file: no setting was chosen for it. A linear probe, its settings chosen "
        "by validation, looks at the test nodes once. LSA is what `CompactFeatures` makes; PubMed has few columns, "
        "which stay as they are. Searched rows have the best of 16 cells by validation. Intervals are at 95 % by "
        "Student's t, paired by seed. A dash was not measured."
    )
    protocols = [protocol for protocol in TITLES if any(line["protocol"] == protocol for line in lines)]
    parts = [about, origin(folder, name), *(tables(folder, protocol) for protocol in protocols), criteria(folder)]
    return "\n\n".join(part for part in parts if part)
