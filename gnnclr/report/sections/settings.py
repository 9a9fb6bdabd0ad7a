"""The settings of recipes, and those that differ."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from gnnclr.report.page import Section
from gnnclr.report.run_group import RunGroup

#: Those that differ between the seeds of a recipe.
SEEDS = ("seed_everything", "data.seed")


def settings_section(groups: Sequence[RunGroup]) -> Section:
    """A row for each setting that differs between recipes, and all settings folded away. Arguments that some recipes
    do not have, as their part is of another class, are not among the rows.

    Args:
        groups (sequence): The runs of each recipe.
    """
    fields = {group.name: flat_settings(group.settings) for group in groups}
    table: dict[str, dict[str, str]] = {}
    for field in dict.fromkeys(field for known in fields.values() for field in known):
        values = {name: known.get(field, "") for name, known in fields.items()}
        of_part = not all(values.values()) and any(field.startswith((f"{part}.", f"{part}[")) for part in table)
        if field not in SEEDS and len(set(values.values())) > 1 and not of_part:
            table[field] = values
    details = {f"Settings of {group.name}": yaml.safe_dump(group.settings, sort_keys=False) for group in groups}
    text = "gnnclr fit --config config.yaml, with the file of a folder, repeats its run."
    if len(groups) > 1:
        differ = "These settings differ, beside the arguments of parts of another class." if table else "None differ."
        text = f"{differ} {text}"
    return Section("Settings", text, table=table, details=details, best=False)


def flat_settings(settings: Any, name: str = "") -> dict[str, str]:
    """The text of each setting by its dotted name, as on the command line: the class of a part stands under the name of
    the part, and its arguments below it.

    Args:
        settings (Any): Settings as plain values.
        name (str, optional): Their name. (default: ``""``, all of a run)
    """
    if isinstance(settings, Mapping):
        found = {}
        for key, value in settings.items():
            inner = name if key in ("class_path", "init_args") else f"{name}.{key}".lstrip(".")
            found |= flat_settings(value, inner)
        return found
    if isinstance(settings, list) and any(isinstance(item, (Mapping, list)) for item in settings):
        return {
            key: value for i, item in enumerate(settings) for key, value in flat_settings(item, f"{name}[{i}]").items()
        }
    return {name: yaml.safe_dump(settings, default_flow_style=True).removesuffix("...\n").strip()}
