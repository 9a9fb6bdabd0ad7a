"""What a training on several processes can do, said before it begins."""

from lightning.pytorch import Trainer
from lightning.pytorch.accelerators import CPUAccelerator
from torch import nn

from gnnclr.losses import NegativeCosineLoss
from gnnclr.losses.graph_loss import GraphLoss
from gnnclr.ops.notice import notice
from gnnclr.vision import MoCo, TwoTowers, VisionMethod


def check_processes(trainer: Trainer, sync_batchnorm: bool) -> None:
    """Raises a :class:`ValueError` if batch normalization is to be synchronized where it cannot be.

    Args:
        trainer (Trainer): The trainer.
        sync_batchnorm (bool): The setting.
    """
    if sync_batchnorm and trainer.world_size > 1 and isinstance(trainer.accelerator, CPUAccelerator):
        raise ValueError(
            f"'trainer.sync_batchnorm' must be false on CPU processes, as PyTorch synchronizes on GPUs alone: take an "
            f"encoder with GroupNorm or LayerNorm, or one process and 'model.method.chunk_size' for batches beyond "
            f"memory (got true on {trainer.world_size} processes)"
        )


def say_what_is_contrasted(method: nn.Module, processes: int) -> None:
    """Prints a line if each process compares its own samples alone, so that the result depends on how many there are.

    Args:
        method (torch.nn.Module): The method.
        processes (int): Their number.
    """
    reason = own_samples_alone(method) if processes > 1 else None
    if reason is not None:
        notice(f"each of the {processes} processes compares its own samples alone: {reason}")


def own_samples_alone(method: nn.Module) -> str | None:
    """Why a method for images compares the samples of each process alone, in words; ``None`` where those of all are
    compared, or none are.

    Args:
        method (torch.nn.Module): The method.
    """
    loss = getattr(method, "loss", None)
    of_images = isinstance(method, (VisionMethod, TwoTowers)) and isinstance(loss, GraphLoss)
    if not of_images or isinstance(method, MoCo) or isinstance(loss, NegativeCosineLoss):
        return None
    if getattr(method, "rewire", None) is not None:
        return "'model.method.rewire' changes the graph of these"
    if getattr(method, "gnn", None) is not None:
        return "'model.method.gnn' sends messages between these"
    return None if loss.gather_distributed else "'model.method.loss.gather_distributed' is false"
