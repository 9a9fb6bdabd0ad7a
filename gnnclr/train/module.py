"""Contrastive pretraining as a Lightning module."""

# pyright: reportAttributeAccessIssue=false
# Lightning sets attributes of its trainer where a type checker does not look.

from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from gnnclr.graph import FeatureBank
from gnnclr.ops.check import check_count, check_probability
from gnnclr.train.contrastive_data import ContrastiveData
from gnnclr.train.optim.groups import parameter_groups
from gnnclr.train.optim.schedule import follow_schedule, warmup_cosine
from gnnclr.train.validation.held_out import HeldOutLoss


class ContrastiveModule(LightningModule):
    """Trains any contrastive method, on images or on graphs.

    A method is a module with ``training_step_loss(batch) -> (loss, logs)``, such as :class:`gnnclr.vision.SimCLR` or
    :class:`gnnclr.node.GRACE`; this class adds the optimizer, the schedule and the logging. If the method has
    ``start_epoch(epoch)``, it is called before each epoch, and ``after_optimizer_step()`` after each step: memories
    change there, and momentum encoders move.

    Where data give held-out batches (``limit_val_batches`` of a recipe), the loss of the method on them is logged as
    ``val_loss``, for callbacks that monitor it.

    Only every ``log_every_n_steps``-th step of the trainer is logged, or each one of a training that has fewer steps.
    Lightning's own cost is 0.6 ms a step on one
    core (1.1 ms with a tiny linear model, 0.5 ms in a plain loop), and logging each step would add another 2.1 ms,
    as much as a step on a small graph.

    Args:
        method (torch.nn.Module): The contrastive method.
        optimizer (callable, optional): Takes parameter groups and returns an optimizer. Vectors and scalars (biases,
            norm scales) are not decayed, unless ``decays_vectors`` of the method is true, as it is of methods for
            graphs. (default: :class:`torch.optim.AdamW`)
        warmup_steps (int, optional): Steps over which the learning rate rises linearly. (default: ``0``)
        final_lr (float, optional): The fraction of the learning rate left at the end of the cosine; ``1.0`` keeps it
            constant. (default: ``0.0``)

    Raises:
        ValueError: If ``method`` has no ``training_step_loss``, ``warmup_steps`` is negative, or ``final_lr`` is not
            between 0 and 1.
    """

    def __init__(
        self,
        method: nn.Module,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        warmup_steps: int = 0,
        final_lr: float = 0.0,
    ) -> None:
        super().__init__()
        if not callable(getattr(method, "training_step_loss", None)):
            raise ValueError(f"'method' must have a training_step_loss(batch) (got {type(method).__name__})")
        check_count("warmup_steps", warmup_steps, least=0)
        check_probability("final_lr", final_lr)
        self.method = method
        self.optimizer = optimizer
        self.warmup_steps = warmup_steps
        self.final_lr = final_lr
        self._epoch: int | None = None
        self._held_out: HeldOutLoss | None = None
        # All processes hold the same banks: to send them with each step would cost more than the step.
        self._ddp_params_and_buffers_to_ignore = [
            f"{name}.{buffer}"
            for name, module in self.named_modules()
            if isinstance(module, FeatureBank)
            for buffer, _ in module.named_buffers(recurse=False)
        ]

    def on_train_start(self) -> None:
        """Begins the epoch: a run that is resumed within one, or at its end, is not told by the next hook. A training
        that ends before the first step that would be logged is logged step by step. One that goes on to another end
        has the learning rates of its own schedule from the first step on."""
        if self.trainer.estimated_stepping_batches < self.trainer.log_every_n_steps:
            self.trainer.log_every_n_steps = 1
        for config in self.trainer.lr_scheduler_configs:
            follow_schedule(config.scheduler)
        self._epoch = None
        self._begin_epoch()

    def on_train_epoch_start(self) -> None:
        """Begins the epoch."""
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        """Tells the method, and data that follow it, which epoch begins, once."""
        if self._epoch == self.current_epoch:
            return
        self._epoch = self.current_epoch
        data = getattr(self.trainer, "datamodule", None)
        if isinstance(data, ContrastiveData):
            data.start_epoch(self.method, self.current_epoch)
        start = getattr(self.method, "start_epoch", None)
        if start is not None:
            start(self.current_epoch)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """The loss of one batch, or of the full graph."""
        loss, logs = self.method.training_step_loss(batch)
        logged = (self.global_step + 1) % self.trainer.log_every_n_steps == 0
        if (logged or loss.device.type == "cpu") and not bool(loss.isfinite()):  # elsewhere each look would wait
            raise ValueError(
                f"the loss must stay finite (got {float(loss)} at step {self.global_step}); lower "
                f"'model.optimizer.lr', or look for huge features"
            )
        if logged:
            data = getattr(self.trainer, "datamodule", None)
            logs = {**logs, **getattr(data, "logs", {})}
            metrics = {name: float(value) for name, value in logs.items()}
            metrics["lr"] = self.trainer.optimizers[0].param_groups[0]["lr"]
            self.log("loss", loss.detach(), prog_bar=True, batch_size=1)
            self.log_dict(metrics, batch_size=1)
        return loss

    def on_validation_epoch_start(self) -> None:
        """Copies the method, so that nothing of what follows is left in it."""
        seed = getattr(getattr(self.trainer, "datamodule", None), "seed", 0)
        self._held_out = HeldOutLoss(self.method, seed, self.global_rank, self.trainer.world_size)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """The loss of one held-out batch, in evaluation mode."""
        self._held_out.add(batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        """Logs ``val_loss``, the mean over the batches of all processes, with the step that it is after."""
        loss = self.trainer.strategy.reduce(self._held_out.mean(), reduce_op="mean")
        self._held_out = None
        self.log("val_loss", loss, logger=False, prog_bar=True)
        if not self.trainer.sanity_checking:
            row = {"val_loss": float(loss), "epoch": self.current_epoch}
            for logger in self.trainer.loggers:
                logger.log_metrics(row, step=max(self.global_step - 1, 0))

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """One step of the optimizer, and the updates of the method after it."""
        super().optimizer_step(*args, **kwargs)
        after = getattr(self.method, "after_optimizer_step", None)
        if after is not None:
            after()

    def configure_optimizers(self) -> dict[str, Any]:
        """The optimizer over the parameters in their groups, with its schedule by steps."""
        optimizer = self.optimizer(parameter_groups(self.method))
        steps = self.trainer.estimated_stepping_batches
        if not 0 < steps < float("inf"):
            raise ValueError(f"'trainer.max_epochs' must be a positive number (got {self.trainer.max_epochs})")
        steps = int(steps)
        scheduler = warmup_cosine(optimizer, steps, min(self.warmup_steps, steps), self.final_lr)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
