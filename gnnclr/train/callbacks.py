"""Callbacks: the progress bar, the seed of each step, the file of settings."""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from tqdm import tqdm

from gnnclr.ops.atomic import write_text


class StepProgress(ProgressBar):
    """A bar over all steps of the run that shows the loss.

    Lightning's bar starts again at every epoch, which on a full-batch graph is every step. Where the standard error is
    no terminal, such as in a log file, whole lines are written: at the start, every ``interval`` seconds, and at the
    end.

    Args:
        name (str, optional): The text in front of the bar. (default: ``"training"``)
        interval (float, optional): Seconds between lines. (default: ``10.0``)
    """

    def __init__(self, name: str = "training", interval: float = 10.0) -> None:
        super().__init__()
        self.name, self.interval = name, interval
        self.bar: tqdm[Any] | None = None
        self.enabled = True
        self._next = float("inf")

    def disable(self) -> None:
        """Shows nothing from now on (called by Lightning on all ranks but the first)."""
        self.enabled = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Opens the bar at the step the run starts from."""
        if not self.enabled:
            return
        if not sys.stderr.isatty():
            self._write(trainer)
            return
        self.bar = tqdm(
            total=int(trainer.estimated_stepping_batches),
            initial=trainer.global_step,
            desc=self.name,
            unit="step",
            dynamic_ncols=True,
            mininterval=0.2,
        )

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        """Moves the bar."""
        if self.bar is not None:
            self.bar.update(trainer.global_step - self.bar.n)
        elif time.monotonic() >= self._next:
            self._write(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Shows the last logged loss."""
        self._show(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Closes the bar."""
        self._show(trainer)
        self._close(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Closes the bar."""
        self._close(trainer)

    def _write(self, trainer: Trainer) -> None:
        loss = trainer.progress_bar_metrics.get("loss")
        total = int(trainer.estimated_stepping_batches)
        text = f"{self.name}: step {trainer.global_step} of {total}" + ("" if loss is None else f", loss {loss:.3f}")
        print(text, file=sys.stderr, flush=True)
        self._next = time.monotonic() + self.interval

    def _show(self, trainer: Trainer) -> None:
        loss = trainer.progress_bar_metrics.get("loss")
        if self.bar is not None and loss is not None:
            self.bar.set_postfix(loss=f"{loss:.3f}", refresh=False)

    def _close(self, trainer: Trainer) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None
        elif self._next < float("inf"):
            self._write(trainer)
        self._next = float("inf")


class StepSeed(Callback):
    """Seeds the generators of torch before every batch from ``(seed, epoch, batch, rank)``.

    A run that was killed and resumed then draws the same views, masks and dropped edges as one that was not, without
    the state of any generator in the checkpoint.

    Args:
        seed (int): The seed of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Seeds torch for this batch."""
        entropy = (self.seed, trainer.current_epoch, batch_idx, trainer.global_rank)
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1))


class SaveFiles(Callback):
    """Writes ``config.yaml`` and the like when training starts: settings that fail before leave the folder as it was.

    Args:
        folder (Path): The folder.
        texts (dict): The names of the files, and their text.
    """

    def __init__(self, folder: Path, texts: dict[str, str]) -> None:
        self.folder, self.texts = folder, texts

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the files."""
        if trainer.is_global_zero:
            for name, text in self.texts.items():
                write_text(self.folder / name, text)
