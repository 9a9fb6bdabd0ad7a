"""Counts epochs so that a training which ended within one goes on within it."""

# pyright: reportAttributeAccessIssue=false
# Lightning says of its counts less than they are.

from lightning.pytorch import Trainer
from lightning.pytorch.loops import _FitLoop


class ExactEpochs(_FitLoop):
    """Lightning's loop over epochs, but for two of its rules, by which a training that goes on from a checkpoint would
    not be the one that never ended.

    An epoch that a limit of steps or of time ended before its last batch is not counted, here: it goes on at its next
    batch. Nor does a training with a limit of steps begin within an epoch that had its last batch.

    Args:
        trainer (Trainer): The trainer.
    """

    @classmethod
    def of(cls, trainer: Trainer) -> "ExactEpochs":
        """The loop of ``trainer``, with these rules."""
        loop = cls(trainer, trainer.fit_loop.min_epochs, trainer.fit_loop.max_epochs)
        loop.epoch_loop = trainer.fit_loop.epoch_loop
        return loop

    def on_advance_end(self) -> None:
        """Ends an epoch, which counts if it is whole."""
        counts = (self.epoch_progress.total, self.epoch_progress.current)
        left = not self.epoch_loop._num_ready_batches_reached()
        for count in counts:  # before the hooks at the end of an epoch, which write checkpoints
            count.processed -= left
        super().on_advance_end()
        for count in counts:  # after them: until then it is the number of this epoch
            count.completed -= left

    def _iteration_based_training(self) -> bool:
        return False
