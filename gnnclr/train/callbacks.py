"""Callbacks: the progress bar, the seed of each step, the file of settings."""

import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from torch import Tensor
from tqdm import tqdm

from gnnclr.ops.atomic import write_text
from gnnclr.ops.mixed_seed import mixed_seed
from gnnclr.train.metrics_csv import MetricsCSV
from gnnclr.vision.transforms.batch_share import BatchShare


class StepProgress(ProgressBar):
    """A bar over all steps of the run that shows the loss, samples a second, and the time that is left.

    Lightning's bar starts again at every epoch, which on a full-batch graph is every step. Where the standard error is
    no terminal, such as in a log file, whole lines are written: at the start, after the first step, every ``interval``
    seconds, and at the end. The loss is that of the last step, and is read when it is shown: a GPU does not wait for it
    in between.

    Behind samples a second stands the share of the time in which batches were waited for. Both are given to the loggers
    of ``trainer.logger`` and TensorBoard too, as ``samples_per_second`` and ``waiting_for_data`` in [0, 1], as often as
    losses; not to ``metrics.csv``, which is the same for the same run. On a GPU, which computes meanwhile, some of that
    time is not lost.

    Args:
        name (str, optional): The text in front of the bar. (default: ``"training"``)
        interval (float, optional): Seconds between lines. (default: ``10.0``)
    """

    def __init__(self, name: str = "training", interval: float = 10.0) -> None:
        super().__init__()
        self.name: str = name
        self.interval: float = interval
        self.bar: tqdm[Any] | None = None
        self.enabled = True
        self._next = float("inf")
        self._loss: Tensor | None = None
        self._rate: tuple[float, str] | None = None
        self._since, self._seen, self._first, self._shown = 0.0, 0, 0, -1
        self._waited: float | None = None
        self._waited_before, self._logged = 0.0, -1

    def disable(self) -> None:
        """Shows nothing from now on (called by Lightning on all ranks but the first)."""
        self.enabled: bool = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Opens the bar at the step the run starts from, unless there is none to come."""
        if not self.enabled or trainer.should_stop:
            return
        self._loss = self._rate = None
        self._since, self._seen, self._first = time.monotonic(), 0, trainer.global_step
        self._shown = self._logged = -1
        self._waited_before = _seconds_waited(trainer) or 0.0
        if sys.stderr.isatty():
            self.bar = tqdm(
                total=int(trainer.estimated_stepping_batches),
                initial=trainer.global_step,
                desc=self.name,
                unit="step",
                dynamic_ncols=True,
                mininterval=0.2,
            )
        else:
            self._write(trainer)
        self._next = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Counts the samples of the step, and shows them with its loss where it is time to."""
        if not self.enabled:
            return
        self._loss = outputs["loss"] if isinstance(outputs, Mapping) else outputs
        count, unit = samples(batch)
        self._seen += count * trainer.world_size
        now = time.monotonic()
        if now > self._since:
            self._rate = self._seen / (now - self._since), unit
            waited = _seconds_waited(trainer)
            self._waited = None if waited is None else (waited - self._waited_before) / (now - self._since)
        self._log(trainer)
        if now >= self._next:
            self._show(trainer)
        if self.bar is not None:
            self.bar.update(trainer.global_step - self.bar.n)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Shows the last loss and closes the bar."""
        self._close(trainer)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Closes the bar."""
        self._close(trainer)

    def _show(self, trainer: Trainer) -> None:
        if self.bar is not None:
            self.bar.set_postfix_str(", ".join(self._state(trainer)), refresh=False)
            self._next = time.monotonic() + self.bar.mininterval
        else:
            self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        step, total = trainer.global_step, int(trainer.estimated_stepping_batches)
        parts = [f"{self.name}: step {step} of {total}", *self._state(trainer)]
        now = time.monotonic()
        if self._first < step < total:
            left = round((now - self._since) / (step - self._first) * (total - step))
            parts.append(f"{timedelta(seconds=left)} left")
        print(", ".join(parts), file=sys.stderr, flush=True)
        self._next, self._shown = now + self.interval, step

    def _state(self, trainer: Trainer) -> list[str]:
        """The loss and the samples a second, where they are known."""
        loss = [] if self._loss is None else [f"loss {float(self._loss) * trainer.accumulate_grad_batches:.3f}"]
        waiting = [] if self._waited is None else [f"{self._waited:.0%} waiting for data"]
        return loss + ([] if self._rate is None else [f"{self._rate[0]:,.0f} {self._rate[1]}/s", *waiting])

    def _log(self, trainer: Trainer) -> None:
        """Gives the speed to the loggers that are not compared between runs."""
        step = trainer.global_step
        every = getattr(trainer, "log_every_n_steps")  # noqa: B009 - Lightning sets it where no type checker looks
        if self._rate is None or step == self._logged or step % every:
            return
        self._logged = step
        speed = {"samples_per_second": self._rate[0]}
        speed |= {} if self._waited is None else {"waiting_for_data": self._waited}
        for logger in trainer.loggers:
            if not isinstance(logger, MetricsCSV):
                logger.log_metrics(speed, step=step - 1)

    def _close(self, trainer: Trainer) -> None:
        if self._next < float("inf") and self._shown < trainer.global_step:
            self._show(trainer)
        if self.bar is not None:
            self.bar.close()
            self.bar = None
        self._next = float("inf")


def _seconds_waited(trainer: Trainer) -> float | None:
    return getattr(getattr(trainer, "datamodule", None), "seconds_waited", None)


def samples(batch: Any) -> tuple[int, str]:
    """The number of samples in a batch and what they are: the nodes of a graph, or of a list of graphs of the same
    nodes; otherwise images.

    Args:
        batch (dict, Data or list): What the data yield.
    """
    if isinstance(batch, (list, tuple)):
        return samples(batch[0]) if batch else (0, "images")
    if isinstance(batch, Mapping):
        return next((len(x) for x in batch.values() if isinstance(x, Tensor) and x.ndim), 0), "images"
    return (len(batch), "images") if isinstance(batch, Tensor) else (int(batch.num_nodes or 0), "nodes")


class StepSeed(Callback):
    """Seeds the generators of torch before every batch from ``(seed, epoch, number of the batch)``; the batches that
    processes have at a step are numbered one after the other, as those of one process that accumulates gradients over
    as many are. Views of images are drawn for all that processes have at a step, see
    :class:`~gnnclr.vision.transforms.batch_share.BatchShare`: they are a function of ``(seed, epoch, step, place in the
    global batch)``, and the same for any number of processes.

    A run that was killed and resumed then draws the same views, masks and dropped edges as one that was not, without
    the state of any generator in the checkpoint.

    Args:
        seed (int): The seed of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._step = ExitStack()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Seeds torch for this batch."""
        self._step.close()
        rank, processes = trainer.global_rank, trainer.world_size
        # What processes draw on their own has other numbers than their views.
        own = int(processes > 1 and isinstance(batch, Mapping))
        torch.manual_seed(mixed_seed(self.seed, trainer.current_epoch, batch_idx * processes + rank, own))
        if processes > 1:
            seed = mixed_seed(self.seed, trainer.current_epoch, batch_idx, 0)
            self._step.enter_context(BatchShare(seed, rank, processes))

    def on_train_batch_end(self, *args: Any) -> None:
        """Ends the step."""
        self._step.close()

    def on_train_end(self, *args: Any) -> None:
        """Ends a step that was left out."""
        self._step.close()

    def on_exception(self, *args: Any) -> None:
        """Ends the step."""
        self._step.close()


class NoTraining(Callback):
    """Ends a training before its first step."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Asks the trainer to stop before its first epoch, whatever number it would have at least."""
        trainer.fit_loop.min_epochs = trainer.fit_loop.epoch_loop.min_steps = None
        trainer.should_stop = True


class SaveFiles(Callback):
    """Writes ``config.yaml`` and the like when training starts: settings that fail before leave the folder as it was.
    Gives the settings to loggers.

    Args:
        folder (Path): The folder.
        texts (dict): The names of the files, and their text.
    """

    def __init__(self, folder: Path, texts: dict[str, str]) -> None:
        self.folder: Path = folder
        self.texts: dict[str, str] = texts

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the files."""
        if trainer.is_global_zero:
            for name, text in self.texts.items():
                write_text(self.folder / name, text)
            for logger in trainer.loggers:
                logger.log_hyperparams(yaml.safe_load(self.texts["config.yaml"]))
