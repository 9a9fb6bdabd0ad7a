"""Ctrl-C that leaves a checkpoint to resume from."""

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class TrainingInterrupted(Exception):
    """Training was stopped on request, after the checkpoint ``path`` was written.

    Args:
        path (Path): The checkpoint to resume from.
        step (int): The number of steps taken.
    """

    def __init__(self, path: Path, step: int) -> None:
        super().__init__(f"stopped after step {step}; the checkpoint is {path}")
        self.path = path
        self.step = step


class ResumableInterrupt(Callback):
    """On Ctrl-C or a termination signal, finishes the step, writes a checkpoint and raises
    :class:`TrainingInterrupted`. A second Ctrl-C stops at once.

    Stopping within a step would leave parameters that are updated and counters that are not, so that the resumed run
    would differ from an uninterrupted one.

    Args:
        path (str or Path): The checkpoint to write.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.requested = False
        self.saved = False
        self.previous: dict[int, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes over the signals; only the main thread may."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.previous[number] = signal.signal(number, self._request)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        """Saves, if asked to stop."""
        if self.requested:
            trainer.save_checkpoint(self.path)
            self.saved = True

    def on_train_batch_start(self, trainer: Trainer, *args: Any) -> None:
        """Stops before the next step, by when the metrics of the last one are written."""
        if self.saved:
            raise TrainingInterrupted(self.path, trainer.global_step)

    def _restore(self) -> None:
        while self.previous:
            signal.signal(*self.previous.popitem())

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives the signals back."""
        self._restore()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Gives the signals back."""
        self._restore()
