"""What recipes cost: seconds and memory."""

from collections.abc import Mapping
from typing import Any

from gnnclr.eval.table import result_text
from gnnclr.report.figure import LINES
from gnnclr.report.intervals import Interval, plot_intervals
from gnnclr.report.page import Section
from gnnclr.train.compare import spread

#: The measures of a run, with their heading and the digits that tell something.
MEASURES = {"seconds": ("seconds", 1), "memory_gb": ("GB", 2)}


def costs_section(results: Mapping[str, list[dict[str, Any]]]) -> Section:
    """The seconds of a training and the largest memory of its process, where the system told it.

    Args:
        results (dict): The results of the runs of each recipe, by its name.
    """
    table: dict[str, dict[str, str]] = {name: {} for name in results}
    figures = []
    for measure, (heading, digits) in MEASURES.items():
        shown = {}
        for (name, runs), color in zip(results.items(), LINES * len(results)):
            values = [run[measure] for run in runs if run.get(measure)]
            if values:
                shown[name] = Interval(*spread(values), color, values if len(values) > 1 else ())
                table[name][heading] = result_text(values, 1, digits)
        if shown:
            figures.append((plot_intervals(shown, f"{heading} of a training", digits=digits), ""))
    text = (
        "Seconds and resident memory are those of the training of one seed, without its probes. Memory is that of the "
        "process: libraries count, and where runs follow each other in one process what earlier ones left behind; with "
        "--parallel each has its own. Runs at the same time take each other's seconds."
    )
    return Section("Seconds and memory", text, table=table, figures=figures, best=False)
