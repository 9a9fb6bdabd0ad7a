"""One progress bar for a whole run."""

import sys
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from tqdm import tqdm


class StepProgress(ProgressBar):
    """A bar over all steps of the run that shows the loss.

    Lightning's bar starts again at every epoch, which on a full-batch graph is every step. Where the output is no
    terminal a line is written every ten seconds.

    Args:
        name (str, optional): The text in front of the bar. (default: ``"training"``)
    """

    def __init__(self, name: str = "training") -> None:
        super().__init__()
        self.name = name
        self.bar: tqdm | None = None
        self.enabled = True

    def disable(self) -> None:
        """Shows nothing from now on (called by Lightning on all ranks but the first)."""
        self.enabled = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Opens the bar at the step the run starts from."""
        terminal = sys.stderr.isatty()
        self.bar = tqdm(
            total=int(trainer.estimated_stepping_batches),
            initial=trainer.global_step,
            desc=self.name,
            unit="step",
            disable=not self.enabled,
            dynamic_ncols=terminal,
            ncols=None if terminal else 80,
            mininterval=0.2 if terminal else 10.0,
        )

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        """Moves the bar."""
        if self.bar is not None:
            self.bar.update(trainer.global_step - self.bar.n)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Shows the last logged loss."""
        self._show(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Closes the bar."""
        self._show(trainer)
        self._close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Closes the bar."""
        self._close()

    def _show(self, trainer: Trainer) -> None:
        loss = trainer.progress_bar_metrics.get("loss")
        if self.bar is not None and loss is not None:
            self.bar.set_postfix(loss=f"{loss:.3f}", refresh=False)

    def _close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None
