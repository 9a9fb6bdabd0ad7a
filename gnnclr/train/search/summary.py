"""What a search writes: its trials, the best of them as a table, and the winner as a recipe."""

import csv
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from jsonargparse import Namespace

from gnnclr.eval import results_table
from gnnclr.ops.atomic import atomic_write, write_text
from gnnclr.train.run import Run
from gnnclr.train.search.space import Space

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

#: The trials in the table of the best ones.
SHOWN = 5


def plain_settings(recipe: Namespace) -> dict[str, Any]:
    """All settings of a recipe as YAML gives them.

    Args:
        recipe (Namespace): The settings, see :func:`gnnclr.train.parse_recipe`.
    """
    return yaml.safe_load(Run(recipe, ".").settings())


def write_trials(path: Path, trials: Sequence["FrozenTrial"], space: Space, title: str) -> None:
    """Writes a line for each trial as CSV, in the order of their numbers.

    Args:
        path (Path): The file.
        trials (sequence): Trials that have an end.
        space (Space): What was tried.
        title (str): The name of what trials are compared by.
    """
    with atomic_write(path, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["trial", title, "seconds", *space.fields, "error"])
        for trial in sorted(trials, key=lambda trial: trial.number):
            notes = trial.user_attrs
            chosen = [space.value(field, trial.params[field]) for field in space.fields]
            writer.writerow([trial.number, trial.value, notes["seconds"], *chosen, notes.get("error", "")])


def write_best(path: Path, configs: Sequence[str], winner: dict[str, Any], searched: dict[str, Any]) -> None:
    """Writes the winner as a recipe: what differs from the recipes that were searched, and its data set.

    Args:
        path (Path): The file.
        configs (sequence): Names of the recipes that were searched, or paths of YAML files.
        winner (dict): All settings of the winner.
        searched (dict): All settings of those recipes on the same data set.
    """
    bases = [
        os.path.relpath(Path(config).expanduser().resolve(), path.parent.resolve())
        if Path(config).is_file()
        else config
        for config in configs
    ]
    changes = _difference(winner, searched) or {}
    if dataset := winner["data"].get("init_args", {}).get("dataset"):
        changes.setdefault("data", {}).setdefault("init_args", {})["dataset"] = dataset
    recipe = {"base": bases[0] if len(bases) == 1 else bases, **changes}
    write_text(path, yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True))


def best_table(best: Sequence["FrozenTrial"], space: Space, title: str) -> str:
    """The first trials, with their value and their settings under short names.

    Args:
        best (sequence): Trials that have a value, best first.
        space (Space): What was tried.
        title (str): The name of what trials are compared by.
    """
    short, rows = _short_names(list(space.fields)), {}
    for trial in best[:SHOWN]:
        fields = {short[field]: text for field, text in chosen_settings(trial, space).items()}
        rows[str(trial.number)] = {f"{title}, %": f"{100 * trial.value:.2f}"} | fields
    return results_table(rows, corner="trial")


def chosen_settings(trial: "FrozenTrial", space: Space) -> dict[str, str]:
    """The fields that a trial tried, and their values as texts.

    Args:
        trial (FrozenTrial): The trial.
        space (Space): What was tried.
    """
    return {field: _shown(space.value(field, stored)) for field, stored in trial.params.items()}


def failures(failed: Sequence["FrozenTrial"]) -> str:
    """A sentence about trials that failed, with each reason once; an empty text if none did.

    Args:
        failed (sequence): The trials.
    """
    numbers: dict[str, list[str]] = {}
    for trial in failed:
        numbers.setdefault(trial.user_attrs["error"], []).append(str(trial.number))
    reasons = [f"{', '.join(these)} ({error})" for error, these in numbers.items()]
    return f"Failed: {'; '.join(reasons)}." if reasons else ""


def _difference(wanted: Any, base: Any) -> Any:
    """What is to be merged over ``base`` to get ``wanted``; ``None`` where they agree."""
    if wanted == base:
        return None
    if not (isinstance(wanted, dict) and isinstance(base, dict)) or wanted.get("class_path") != base.get("class_path"):
        return wanted
    return {key: _difference(value, base.get(key)) for key, value in wanted.items() if value != base.get(key)}


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)


def _short_names(fields: list[str]) -> dict[str, str]:
    """The last two parts of each name, or the whole where these are those of another."""
    tails = {field: ".".join(field.rsplit(".", 2)[-2:]) for field in fields}
    counts = Counter(tails.values())
    return {field: tail if counts[tail] == 1 else field for field, tail in tails.items()}
