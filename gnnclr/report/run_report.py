"""The report of runs: one page of all that they leave behind."""

import platform
from collections.abc import Sequence
from datetime import date
from importlib import import_module
from pathlib import Path

import gnnclr
from gnnclr.report.find_runs import find_runs
from gnnclr.report.page import Section, write_report
from gnnclr.report.run_group import RunGroup, by_data, group_runs
from gnnclr.report.sections.batch import batch_section
from gnnclr.report.sections.curves import curves_section
from gnnclr.report.sections.data_graph import data_graph_section
from gnnclr.report.sections.embeddings import embeddings_section
from gnnclr.report.sections.neighbors import neighbors_section
from gnnclr.report.sections.probes import probes_section
from gnnclr.report.sections.runs import runs_section
from gnnclr.report.sections.settings import settings_section


def report_runs(
    folders: Sequence[str | Path],
    output: str | Path = "report.html",
    title: str | None = None,
    lead: str = "",
    projection: str = "tsne",
) -> Path:
    """Writes a page about runs, side by side: what was trained on what, probes beside baselines, curves, a batch as a
    graph, embeddings and neighbors before and after the training, the graph of neighbors of all training examples where
    runs found one, and the settings that differ. Runs that differ in the seed alone are summed up. What needs data or
    weights that are gone is left out, and the page says why.

    Args:
        folders (sequence): Folders of runs, or folders that hold some, as those of ``gnnclr evaluate --seeds`` and
            ``gnnclr compare``.
        output (str or Path, optional): The file to write. (default: ``"report.html"``)
        title (str, optional): The heading. (default: the names of the recipes, which are those of their folders)
        lead (str, optional): A paragraph below it. (default: ``""``)
        projection (str, optional): ``"tsne"`` or ``"pca"``, see :func:`project`. (default: ``"tsne"``)

    Returns:
        Path: The file.

    Raises:
        RecipeError: If a folder holds no run, or the settings of one are damaged.
        ValueError: If the results of a run are damaged.
        ModuleNotFoundError: If matplotlib is missing.

    Example:
        >>> report_runs(["runs/simclr-digits/1", "runs/byol/1"])
    """
    import_module("matplotlib")  # missing, it should be missed before anything is computed
    groups = group_runs(find_runs(folders))
    sections = [runs_section(groups)]
    together = by_data(groups)
    for name, on_same in together.items():
        made = _of_data(on_same, projection)
        for section in made:
            section.title += f": {name}" if len(together) > 1 else ""
        sections += made
        for group in on_same:
            group.release()
    title = title or ", ".join(group.name for group in groups)
    footer = f"gnnclr {gnnclr.__version__} · {platform.machine()} · {date.today()}"
    return write_report(output, title, lead, sections, footer)


def _of_data(groups: Sequence[RunGroup], projection: str) -> list[Section]:
    """The sections about recipes on the same data."""
    made = [
        probes_section(groups),
        curves_section(groups),
        batch_section(groups),
        embeddings_section(groups, projection),
        neighbors_section(groups),
        data_graph_section(groups, projection),
        settings_section(groups),
    ]
    return [section for section in made if section is not None]
