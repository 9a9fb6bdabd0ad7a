"""The scores of recipes beside those of features that need no training."""

from collections.abc import Mapping
from typing import Any

from gnnclr.eval.table import result_text
from gnnclr.report.figure import LINES, MUTED
from gnnclr.report.intervals import Interval, plot_intervals
from gnnclr.report.page import Section
from gnnclr.train.compare import TRAINED, baseline_scores, scores_of, spread, varying


def scores_section(results: Mapping[str, list[dict[str, Any]]]) -> Section:
    """A table, and a figure for each probe: the mean of each row, its standard deviation, and the seeds.

    Args:
        results (dict): The results of the runs of each recipe, by its name.
    """
    rows = baseline_scores(dict(results))
    colors = dict.fromkeys(rows, MUTED)
    for (name, runs), color in zip(results.items(), LINES * len(results)):
        rows[name] = {probe: scores_of(runs, TRAINED, probe) for probe in runs[0]["test"][TRAINED]}
        colors[name] = color
    table = {name: {probe: result_text(varying(x)) for probe, x in row.items()} for name, row in rows.items()}
    figures = []
    for probe in dict.fromkeys(probe for row in rows.values() for probe in row):
        shown = {name: _interval(row[probe], colors[name]) for name, row in rows.items() if probe in row}
        figures.append((plot_intervals(shown, f"{probe}, test, %"), ""))
    count = len(next(iter(results.values())))
    bars = " Bars are one standard deviation over seeds to either side, small points the seeds." if count > 1 else ""
    text = f"Test scores in percent. Gray rows are features that need no training: what a method has to beat.{bars}"
    return Section("Scores", text, table=table, figures=figures)


def _interval(scores: list[float], color: str) -> Interval:
    percent = [100 * score for score in scores]
    several = percent if len(set(percent)) > 1 else []
    return Interval(*spread(percent), color, several)
