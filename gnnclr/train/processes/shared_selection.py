"""Batches that the first process selects for all."""

from lightning.pytorch import Trainer
from torch import Tensor

from gnnclr.graph.batches import BatchSelection


class SharedSelection(BatchSelection):
    """The batches that a rule selects on the first process, on all processes.

    Each could select its own, but embeddings of all processes need not agree to the last bit: their normalization
    layers have other statistics between steps.

    Args:
        selection (BatchSelection): The rule, with embeddings on the first process.
        trainer (Trainer): The trainer, whose processes ask for batches at the same time.
    """

    def __init__(self, selection: BatchSelection, trainer: Trainer) -> None:
        super().__init__()
        self.selection: BatchSelection = selection
        self.trainer: Trainer = trainer

    def num_batches(self, num_samples: int, batch_size: int) -> int:
        """The number of batches of the rule."""
        return self.selection.num_batches(num_samples, batch_size)

    def select(self, order: Tensor, batch_size: int) -> list[Tensor]:
        """The batches of the first process."""
        batches = self.selection.batches(order, batch_size) if self.trainer.is_global_zero else []
        return self.trainer.strategy.broadcast(batches)
