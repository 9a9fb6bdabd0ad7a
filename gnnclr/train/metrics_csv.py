"""Metrics over time as a CSV file that survives a killed run."""

import csv
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from gnnclr.ops.atomic import atomic_write
from gnnclr.ops.paths import naming_file


class MetricsCSV(Logger):
    """Writes every logged step as one line of ``metrics.csv``.

    Lightning's own CSV logger deletes the file when a run is resumed. This one keeps the lines before the step it
    resumes from, drops the later ones that are about to be repeated, and appends. A line that was just written is not
    written once more.

    Args:
        path (str or Path): The file to write.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path: Path = Path(path)
        self.columns: list[str] = []
        self.started = False
        self._last: tuple[Any, set[str]] | None = None

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.name

    @property
    def version(self) -> str:
        """Unused: a run has one file."""
        return ""

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Does nothing: settings are kept in the run's ``config.yaml``."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Appends one line."""
        row = {"step": 0 if step is None else step, **metrics}
        if self._last == (line := (row["step"], set(row))):
            return
        if not self.started:
            kept = [old for old in read_metrics(self.path) if old["step"] < row["step"] or _beside(old, row)]
            self._rewrite(kept, list(row))
            self.started: bool = True
        elif not set(row) <= set(self.columns):
            self._rewrite(read_metrics(self.path), list(row))
        with naming_file(self.path), self.path.open("a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self.columns, restval="").writerow(row)
        self._last = line

    def _rewrite(self, rows: list[dict[str, float]], columns: list[str]) -> None:
        known = list(dict.fromkeys(key for row in rows for key in row))
        self.columns = list(dict.fromkeys(["step", "epoch", *known, *columns]))
        with atomic_write(self.path, newline="") as file:
            writer = csv.DictWriter(file, self.columns, restval="")
            writer.writeheader()
            writer.writerows(rows)


class LineBeforeCheckpoint(Callback):
    """Writes the line of a step, or of an epoch, before its checkpoint.

    Lightning writes the checkpoint first: a run that is killed in between goes on behind the step, and its line would
    never be written.
    """

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Writes what :class:`MetricsCSV` is about to be given."""
        connector, loop = trainer._logger_connector, trainer.fit_loop.epoch_loop
        if not trainer.training or trainer._results is None:
            return
        within_epoch = connector._first_loop_iter is not None
        metrics = connector.metrics["log"]
        due = connector.should_update_logs and not loop._should_accumulate()
        if not metrics or (within_epoch and not due):
            return
        step = loop._batches_that_stepped - (not within_epoch)  # what ends an epoch stands at its last step
        row = {name: float(value) for name, value in metrics.items()} | {"epoch": trainer.current_epoch}
        for logger in trainer.loggers:
            if isinstance(logger, MetricsCSV):
                logger.log_metrics(row, step)


def _beside(old: dict[str, float], row: dict[str, float]) -> bool:
    """Whether a line says something else of the same step, as a held-out loss does."""
    return old["step"] == row["step"] and not (set(old) & set(row)) - {"step", "epoch"}


def read_metrics(path: str | Path) -> list[dict[str, float]]:
    """Reads a metrics file; missing values, broken lines and a last one cut short by a kill are left out.

    Args:
        path (str or Path): The file that :class:`MetricsCSV` wrote. A missing file gives no rows.

    Returns:
        list[dict]: One dict a line, in the order of the file.
    """
    path = Path(path)
    if not path.is_file():
        return []
    rows = []
    # Bytes that are no text make their line a broken one.
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    # A number that was cut short is still a number: a line counts once its end is there.
    for line in csv.DictReader(text for text in lines if text.endswith("\n")):
        try:
            rows.append({key: _number(value) for key, value in line.items() if value not in ("", None)})
        except (TypeError, ValueError):
            continue
    return [row for row in rows if "step" in row]


def _number(text: str) -> float:
    # Steps and epochs stay whole numbers, so that a resumed file reads like one in a piece.
    return int(text) if text.isdigit() else float(text)
