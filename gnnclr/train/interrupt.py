"""Ctrl-C, on one process or several: all finish the step and leave a checkpoint to resume from."""

import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch import Callback, LightningModule, Trainer

SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Seconds in which signals are one request: a terminal and a launcher may both send the same one.
SAME_REQUEST = 0.2


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
    :class:`TrainingInterrupted`. A second signal stops at once; those within 0.2 seconds of the first one are taken
    for the same.

    Stopping within a step would leave parameters that are updated and counters that are not, so that the resumed run
    would differ from an uninterrupted one. Of several processes all stop after the same step, whichever was asked: they
    compare after every step, on the host, so that no GPU is waited for.

    Args:
        path (str or Path): The checkpoint to write.
    """

    def __init__(self, path: str | Path) -> None:
        self.path: Path = Path(path)
        #: Whether training has begun, so that a signal asks for a checkpoint.
        self.training = False
        self.requested = False
        self.saved = False
        self.previous: dict[int, Any] = {}
        self._first = 0.0
        self._group: Any = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Makes the group of processes that compare."""
        if trainer.world_size > 1:
            self._group = dist.new_group(backend="gloo")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Takes over the signals; only the main thread may."""
        self.training = True
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self.previous[number] = signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        # Of several processes one may wait for another where Python does not run; a thread asks for them.
        if self._group is None and not self.request():
            raise KeyboardInterrupt

    def request(self) -> bool:
        """Asks to stop after this step. Returns whether that is all there is to do: a second request is to be followed
        at once."""
        if not self.requested:
            self.requested: bool = True
            self._first = time.monotonic()
            return True
        return time.monotonic() - self._first < SAME_REQUEST

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves, if asked to stop, and if no gradients are kept for a later step."""
        complete = (batch_idx + 1) % trainer.accumulate_grad_batches == 0 or trainer.is_last_batch
        if complete and self._agreed():
            trainer.save_checkpoint(self.path)
            self.saved: bool = True

    def _agreed(self) -> bool:
        if self._group is not None:
            requested = torch.tensor([self.requested], dtype=torch.uint8)
            dist.all_reduce(requested, dist.ReduceOp.MAX, group=self._group)
            if bool(requested):
                self.request()  # that of another process is this one's too
        return self.requested

    def on_train_batch_start(self, trainer: Trainer, *args: Any) -> None:
        """Stops before the next step, by when the metrics of the last one are written."""
        self._stop(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stops before the next epoch is prepared."""
        self._stop(trainer)

    def _stop(self, trainer: Trainer) -> None:
        if self.saved:
            raise TrainingInterrupted(self.path, trainer.global_step)

    def _restore(self) -> None:
        if self.saved:  # the same request may come a moment later, and would stop at once
            time.sleep(max(0.0, self._first + SAME_REQUEST - time.monotonic()))
        self.training: bool = False
        while self.previous:
            signal.signal(*self.previous.popitem())

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Gives the signals back."""
        self._restore()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Gives the signals back."""
        self._restore()
