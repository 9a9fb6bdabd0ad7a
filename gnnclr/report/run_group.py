"""The runs of one recipe in a report."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from torch import Tensor, nn

from gnnclr.configs.layers import load as read_settings
from gnnclr.messages import explain_system_error
from gnnclr.report.find_runs import short_names
from gnnclr.train import ContrastiveData, Run, read_metrics

T = TypeVar("T")
#: Settings of data that do not say which examples are embedded and probed.
OF_TRAINING = ("seed", "batch_size", "global_batch_size", "labels", "limit", "selection", "neighbors", "loader")
OF_TRAINING += ("transform", "workers", "textures")


class Loaded(NamedTuple):
    """A run with its data: the method before and after the training, the data, the steps taken."""

    untrained: nn.Module
    trained: nn.Module
    data: ContrastiveData
    step: int


def settings_of(run: Run) -> dict[str, Any]:
    """The settings of a run as plain values, as they are in its folder.

    Args:
        run (Run): The run.
    """
    return dict(read_settings(run.folder / "config.yaml"))


class RunGroup:
    """Runs that differ in the seed alone. What needs data or weights is shown of one of them, :attr:`first`.

    Args:
        name (str): Its name in the report.
        runs (sequence): The runs.

    Raises:
        ValueError: If the results of a run are damaged.
    """

    def __init__(self, name: str, runs: Sequence[Run]) -> None:
        self.name: str = name
        self.runs: list[Run] = list(runs)
        #: The contents of ``metrics.json`` of each run; none of one that is not finished.
        self.results: list[dict[str, Any] | None] = [run.result for run in runs]
        #: The first run that is finished, or else has a checkpoint, or is there.
        self.first: Run = min(
            zip(self.runs, self.results), key=lambda x: (x[1] is None, not x[0].checkpoint.is_file())
        )[0]
        self.settings: dict[str, Any] = settings_of(self.first)

    @property
    def finished(self) -> list[dict[str, Any]]:
        """The results of the runs that are finished."""
        return [result for result in self.results if result is not None]

    @property
    def metrics(self) -> list[Path]:
        """The files of metrics over steps, of the runs that have logged some."""
        return [path for run in self.runs if read_metrics(path := run.folder / "metrics.csv")]

    @property
    def data_name(self) -> str:
        """The name of the data: a data set, the name of a file, or of a folder of photos."""
        data = self.settings["data"]
        arguments = data.get("init_args") or {}
        named = arguments.get("root") if arguments.get("dataset") == "folder" else arguments.get("dataset")
        return Path(str(named)).name if named else str(data["class_path"]).rpartition(".")[2]

    @property
    def examples(self) -> str:
        """What says which examples are embedded and probed, to find the groups that share them."""
        data = self.settings["data"]
        kept = {name: value for name, value in (data.get("init_args") or {}).items() if name not in OF_TRAINING}
        return yaml.safe_dump([data["class_path"], kept])

    @cached_property
    def loaded(self) -> Loaded:
        """The first run with its data.

        Raises:
            ValueError: If there is no checkpoint, or the data are not where they were; also an :class:`OSError`.
        """
        return Loaded(*self.first.load())

    @cached_property
    def _embeddings(self) -> dict[str, Tensor]:
        methods = {"untrained": self.loaded.untrained, "trained": self.loaded.trained}
        return self.loaded.data.embed_all(methods)

    @property
    def before(self) -> Tensor:
        """The embeddings of the data before the training [n, d]."""
        return self._embeddings["untrained"]

    @property
    def after(self) -> Tensor:
        """The embeddings of the data after the training [n, d]."""
        return self._embeddings["trained"]

    def release(self) -> None:
        """Forgets the data and what was made of them."""
        for name in ("loaded", "_embeddings"):
            self.__dict__.pop(name, None)


def group_runs(runs: Sequence[Run]) -> list[RunGroup]:
    """Puts the runs that differ in the seed alone together, in the order of their first ones, and names them by their
    folders.

    Args:
        runs (sequence): The runs.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        settings = settings_of(run)
        settings.pop("seed_everything", None)
        (settings["data"].get("init_args") or {}).pop("seed", None)
        groups.setdefault(yaml.safe_dump(settings), []).append(run)
    return [RunGroup(name, group) for name, group in zip(short_names(groups.values()), groups.values())]


def by_data(groups: Sequence[RunGroup]) -> dict[str, list[RunGroup]]:
    """The groups on the same examples, by the name of the data; of several data of one name the later ones have a
    number.

    Args:
        groups (sequence): The groups.
    """
    shared: dict[str, list[RunGroup]] = {}
    for group in groups:
        shared.setdefault(group.examples, []).append(group)
    named: dict[str, list[RunGroup]] = {}
    for together in shared.values():
        name, number = together[0].data_name, 1
        while (label := name if number == 1 else f"{name} ({number})") in named:
            number += 1
        named[label] = together
    return named


def where_possible(groups: Sequence[RunGroup], make: Callable[[RunGroup], T]) -> tuple[dict[str, T], list[str]]:
    """What is made of each group, by its name, and a line for each group of which it cannot be: its checkpoint or its
    data may be gone.

    Args:
        groups (sequence): The groups.
        make (callable): Makes it of a group, and raises an :class:`OSError` or a :class:`ValueError` where it cannot.
    """
    made, missing = {}, []
    for group in groups:
        try:
            made[group.name] = make(group)
        except (OSError, ValueError, ImportError) as error:
            reason = explain_system_error(error) if isinstance(error, OSError) else str(error)
            missing.append(f"Missing of {group.name}: {' '.join(reason.split())}")
    return made, missing
