"""Finds runs by the folders that a user names."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from gnnclr.configs import RecipeError
from gnnclr.train import Run


def find_runs(folders: Sequence[str | Path]) -> list[Run]:
    """The runs of folders, each once: a folder is that of a run, or holds runs up to two levels below, as those of
    ``gnnclr evaluate --seeds`` and ``gnnclr compare`` do.

    Args:
        folders (sequence): The folders.

    Raises:
        RecipeError: If none is given, or one holds no run, or the settings of a run are damaged.
    """
    if not folders:
        raise RecipeError("'runs' must be folders of runs, at least one (got none)")
    found: dict[Path, Path] = {}
    for folder in map(Path, folders):
        below = [path for pattern in ("*/config.yaml", "*/*/config.yaml") for path in folder.glob(pattern)]
        configs = [folder / "config.yaml"] if (folder / "config.yaml").is_file() else sorted(below, key=_in_order)
        if not configs:
            reason = "a folder without config.yaml" if folder.is_dir() else "a file" if folder.exists() else "nothing"
            raise RecipeError(f"'{folder}' must be the folder of a run, or of runs ({reason} is there)")
        found |= {config.parent.resolve(): config.parent for config in configs}
    return [Run.open(folder) for folder in found.values()]


def short_names(runs: Iterable[Sequence[Run]]) -> list[str]:
    """A name for each group of runs: the folder that is named after no number and no seed, and where two groups have
    the same, the folder of the first run as well.

    Args:
        runs (iterable): The runs of each group.
    """
    groups = list(runs)
    names = [_name(group[0].folder) for group in groups]
    twice = [f"{name} {group[0].folder.name}" if names.count(name) > 1 else name for name, group in zip(names, groups)]
    return [str(group[0].folder) if twice.count(name) > 1 else name for name, group in zip(twice, groups)]


def _name(folder: Path) -> str:
    named = [part for part in folder.resolve().parts if not re.fullmatch(r"seed-\d+|seeds|\d+", part)]
    return named[-1] if len(named) > 1 else str(folder)


def _in_order(path: Path) -> list[tuple[bool, int, str]]:
    """Numbers in the order of numbers: seed-10 comes after seed-9."""
    parts = re.split(r"(\d+)", str(path))
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]
