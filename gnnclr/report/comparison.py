"""A page about a comparison of recipes."""

import json
import platform
from collections.abc import Mapping
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import gnnclr
from gnnclr.configs import RecipeError
from gnnclr.ops.read_files import read_files
from gnnclr.report.page import write_report
from gnnclr.report.sections.costs import costs_section
from gnnclr.report.sections.differences import differences_section
from gnnclr.report.sections.scores import scores_section


def report_comparison(folder: str | Path, output: str | Path | None = None) -> Path:
    """Writes a page about a comparison, with plots: the scores of each recipe and of features that need no training,
    mean ± standard deviation; the differences from the first recipe, paired by seed, with their intervals; and the
    seconds and the memory of each. It is one file, for light and dark screens, large and small ones.

    Args:
        folder (str or Path): The folder of :class:`gnnclr.train.Comparison`, or of ``gnnclr compare``.
        output (str or Path, optional): The file to write. (default: ``comparison.html`` in the folder)

    Returns:
        Path: The file.

    Raises:
        RecipeError: If the folder holds no comparison that is finished.
        ModuleNotFoundError: If matplotlib is missing.
    """
    import_module("matplotlib")
    folder = Path(folder)
    summary = _read(folder / "comparison.json")
    results, seeds = summary["results"], len(summary["seeds"])
    several = f"over {seeds} seeds" if seeds > 1 else "with one seed"
    lead = f"Recipes on the same data, {several}. Probes choose their settings on validation data alone."
    sections = [scores_section(results), differences_section(results), costs_section(results)]
    sections[-1].details = {"Command": summary["command"], "Versions": _versions(results)}
    footer = f"gnnclr {gnnclr.__version__} · {platform.machine()} · {date.today()}"
    shown = [section for section in sections if section.table or section.figures]
    return write_report(output or folder / "comparison.html", ", ".join(results), lead, shown, footer)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise RecipeError(f"'{path.parent}' must be the folder of a comparison (got one without {path.name})")

    def read() -> dict[str, Any]:
        summary = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(summary, dict) or not {"command", "seeds", "results"} <= summary.keys():
            raise ValueError("it lacks command, seeds or results")
        return summary

    return read_files(
        path, read, "be the undamaged results of a comparison", remedy="write it anew by the same command"
    )


def _versions(results: Mapping[str, list[dict[str, Any]]]) -> str:
    """What the runs were made with; each set of versions once."""
    made = {"\n".join(f"{k} {v}" for k, v in run["versions"].items()) for runs in results.values() for run in runs}
    return "\n\n".join(sorted(made))
