"""Metrics over the steps of a training."""

from collections.abc import Sequence

from gnnclr.report.dynamics import plot_dynamics
from gnnclr.report.page import Section
from gnnclr.report.run_group import RunGroup
from gnnclr.train import read_metrics

#: Metrics that come first, in this order; the learning rate comes last.
ORDER = ("loss", "alignment", "uniformity", "effective_rank")


def curves_section(groups: Sequence[RunGroup]) -> Section:
    """All that was logged, a figure for each metric, with the runs of recipes on the same data in each.

    Args:
        groups (sequence): The runs of each recipe.
    """
    files = {group.name: group.metrics for group in groups}
    notes = [f"Missing of {name}: nothing was logged" for name, paths in files.items() if not paths]
    columns = {path: {name for row in read_metrics(path) for name in row} for paths in files.values() for path in paths}
    metrics = sorted(set().union(*columns.values()) - {"step", "epoch"}, key=_place)
    figures = []
    for metric in metrics:
        # A recipe without the metric keeps its color.
        having = {name: [path for path in paths if metric in columns[path]] for name, paths in files.items()}
        figures.append((plot_dynamics(having, [metric]), ""))
    text = (
        "Values as they were logged are pale, their running mean is strong. Alignment is the mean squared distance of "
        "two views of a sample, uniformity the logarithm of the mean Gaussian potential of all pairs; lower is better "
        "for both, and training trades one against the other."
    )
    return Section("Over the steps", text if figures else "", figures=figures, notes=notes)


def _place(metric: str) -> tuple[int, str]:
    return (ORDER.index(metric) if metric in ORDER else len(ORDER) + (metric == "lr"), metric)
