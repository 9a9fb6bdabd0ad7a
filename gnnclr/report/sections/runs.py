"""What was trained on what."""

from collections.abc import Sequence
from typing import Any

from gnnclr.eval import results_table
from gnnclr.eval.table import result_text
from gnnclr.report.page import Section
from gnnclr.report.run_group import RunGroup
from gnnclr.train import Run, read_metrics

#: The parts of a method that are shown, and the headings of their columns.
PARTS = {"encoder": "encoder", "loss": "loss", "rewire": "rewiring"}


def runs_section(groups: Sequence[RunGroup]) -> Section:
    """The method, the data, seeds, steps and seconds of each recipe; all runs one by one, and the versions that they
    were made with, are folded away.

    Args:
        groups (sequence): The runs of each recipe.
    """
    table = {group.name: _row(group) for group in groups}
    runs, recipes = sum(len(group.runs) for group in groups), len(groups)
    text = f"{runs} run{'s' * (runs > 1)} of {recipes} recipe{'s' * (recipes > 1)}."
    if any(len(group.finished) > 1 for group in groups):
        text += " Numbers of several seeds are mean ± standard deviation."
    return Section(
        "What was trained",
        text,
        table=table,
        details={"Each run": _listed(groups), **_versions(groups)},
        notes=[note for group in groups for note in _unfinished(group)],
        best=False,
    )


def _row(group: RunGroup) -> dict[str, str]:
    method = group.settings["model"]["method"]
    parts = method.get("init_args") or {}
    row = {"method": _named(method)}
    row |= {name: _named(parts[key]) for key, name in PARTS.items() if parts.get(key)}
    row |= {"data": group.data_name, "seeds": ", ".join(str(run.recipe.seed_everything) for run in group.runs)}
    if group.finished:
        row["steps"] = ", ".join(sorted({str(result["steps"]) for result in group.finished}))
        row["seconds"] = result_text([result["seconds"] for result in group.finished], scale=1)
    return row


def _named(part: Any) -> str:
    """The class of a part, or those of several that are composed."""
    if isinstance(part, (list, tuple)):
        return " + ".join(map(_named, part))
    if not isinstance(part, dict):
        return str(part)
    arguments = part.get("init_args") or {}
    inner = arguments.get("transforms") or arguments.get("rewirings")
    return _named(inner) if inner else str(part.get("class_path")).rpartition(".")[2]


def _listed(groups: Sequence[RunGroup]) -> str:
    rows = {}
    for group in groups:
        for run, result in zip(group.runs, group.results):
            row = {"recipe": group.name, "seed": str(run.recipe.seed_everything)}
            row["steps"] = str(_steps(run) if result is None else result["steps"])
            row["seconds"] = "" if result is None else result_text(result["seconds"], scale=1)
            rows[str(run.folder)] = row | {"state": "not finished" if result is None else "finished"}
    return results_table(rows, style="plain", corner="folder")


def _unfinished(group: RunGroup) -> list[str]:
    notes = []
    for run, result in zip(group.runs, group.results):
        if result is None:
            go_on = f"; go on with: gnnclr fit --ckpt_path={run.checkpoint}" if run.checkpoint.is_file() else ""
            notes.append(f"{run.folder} is not finished and has no results: step {_steps(run)} was logged last{go_on}")
    return notes


def _steps(run: Run) -> int:
    rows = read_metrics(run.folder / "metrics.csv")
    return int(rows[-1]["step"]) + 1 if rows else 0


def _versions(groups: Sequence[RunGroup]) -> dict[str, str]:
    """Each set of versions, and the recipes of which a run was made with it."""
    made: dict[str, list[str]] = {}
    for group in groups:
        for result in group.finished:
            text = "\n".join(f"{name} {version}" for name, version in result["versions"].items())
            made.setdefault(text, []).append(group.name)
    if not made:
        return {}
    several = len(made) > 1
    heads = [f"{', '.join(dict.fromkeys(names))}:\n" if several else "" for names in made.values()]
    return {"Versions": "\n\n".join(f"{head}{text}" for head, text in zip(heads, made))}
