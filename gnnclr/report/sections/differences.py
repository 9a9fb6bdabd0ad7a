"""What recipes differ by from the first one."""

from collections.abc import Mapping
from typing import Any

from gnnclr.eval import Difference, paired_difference
from gnnclr.report.figure import LINES
from gnnclr.report.intervals import Interval, plot_intervals
from gnnclr.report.page import Section
from gnnclr.train.compare import TRAINED, scores_of


def differences_section(results: Mapping[str, list[dict[str, Any]]]) -> Section:
    """Differences paired by seed, with the 95 % interval of their mean: a table, and a figure for each probe.

    Args:
        results (dict): The results of the runs of each recipe, by its name; the first one is what others differ from.
    """
    first, *others = results
    probes = list(results[first][0]["test"][TRAINED])
    table: dict[str, dict[str, str]] = {}
    figures = []
    for probe in probes:
        shown = {}
        for number, name in enumerate(others, start=1):
            if probe not in results[name][0]["test"][TRAINED]:
                continue
            values, base = ([100 * score for score in scores_of(results[key], TRAINED, probe)] for key in (name, first))
            found = paired_difference(values, base)
            gains = [a - b for a, b in zip(values, base)]
            shown[name] = Interval(found.mean, found.half, LINES[number % len(LINES)], gains if len(gains) > 1 else ())
            table.setdefault(name, {})[probe] = _text(found)
        if shown:
            figures.append((plot_intervals(shown, f"{probe}, points over {first}", zero=True), ""))
    if not table:
        return Section("Differences")
    text = f"Points over {first}, from the same seeds."
    if len(results[first]) > 1:
        text += " Bars are the 95 % interval of the mean by Student's t: where it holds zero, seeds do not tell apart."
    else:
        text += " One seed does not tell what is noise."
    return Section(f"Differences from {first}", text, table=table, figures=figures, best=False)


def _text(found: Difference) -> str:
    if found.verdict == "one seed":
        return f"{found.mean:+.1f}"
    return f"{found.mean:+.1f} [{found.mean - found.half:+.1f}, {found.mean + found.half:+.1f}]"
