"""The time of a training, over all of its sessions."""

import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class Elapsed(Callback):
    """Counts the seconds of training; the count is in the checkpoint, so that a resumed run goes on with it."""

    def __init__(self) -> None:
        self._before, self._start = 0.0, time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds of training in this session and in those that it resumed."""
        return self._before + time.monotonic() - self._start

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock."""
        self._start = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        """The count so far."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from an earlier count."""
        self._before = state_dict["seconds"]
