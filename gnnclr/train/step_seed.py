"""Randomness that depends on the step, not on the history."""

from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer


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
