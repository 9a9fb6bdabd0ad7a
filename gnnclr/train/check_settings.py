"""Checks of settings before a training begins."""

from jsonargparse import Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.accelerators import AcceleratorRegistry
from lightning.pytorch.callbacks import Timer
from torch import Tensor, nn
from torch.backends.cpu import get_cpu_capability
from torch.nn.parameter import is_lazy

from gnnclr.ops.check import check_choice, check_count
from gnnclr.ops.notice import notice
from gnnclr.train.module import ContrastiveModule
from gnnclr.train.optim.groups import parameter_groups
from gnnclr.vision.encoders.feature_width import declared_width

#: Weights in half precision lose the small updates of a schedule's end, and inputs would have to be cast as well.
PRECISIONS = ("32", "32-true", "16", "16-mixed", "bf16", "bf16-mixed", "64", "64-true")


def check_trainer(settings: Namespace) -> None:
    """Raises a :class:`ValueError` for settings of ``trainer`` that Lightning takes, or refuses later or in other
    terms.

    Args:
        settings (Namespace): The settings.
    """
    if settings.precision is not None:
        check_choice("trainer.precision", str(settings.precision), PRECISIONS)
    accelerator = settings.accelerator
    known = sorted(AcceleratorRegistry.available_accelerators())
    if isinstance(accelerator, str):
        check_choice("trainer.accelerator", accelerator, ("auto", "gpu", *known))
        here = ["auto", *(name for name in known if _is_available(name))]
        if accelerator not in here and not (accelerator == "gpu" and {"cuda", "mps"} & {*here}):
            raise ValueError(
                f"'trainer.accelerator' must be one that this machine has: {', '.join(here)} (got {accelerator!r})"
            )
    try:
        Timer(settings.max_time)
    except MisconfigurationException:
        raise ValueError(f"'trainer.max_time' must be DD:HH:MM:SS (got {settings.max_time!r})") from None
    for name in ("log_every_n_steps", "accumulate_grad_batches"):
        check_count(f"trainer.{name}", settings[name], optional=True)
    if settings.gradient_clip_val is not None and not settings.gradient_clip_val >= 0:
        # A whole number may be read as either type: which one depends on what else was imported.
        raise ValueError(f"'trainer.gradient_clip_val' must not be negative (got {float(settings.gradient_clip_val)})")
    for name in ("max_steps", "limit_train_batches"):
        if settings[name] == 0:
            raise ValueError(f"'trainer.{name}' must not be zero, or nothing is trained (got {settings[name]})")


def say_what_is_slow(trainer: Trainer) -> None:
    """Prints a line where half precision costs time instead of saving it.

    Args:
        trainer (lightning.pytorch.Trainer): The trainer.
    """
    on_cpu = trainer.strategy.root_device.type == "cpu"
    if on_cpu and trainer.precision in ("bf16-mixed", "16-mixed") and get_cpu_capability() == "AVX2":
        notice(
            "this processor has no instructions for half precision, which may take ten times as long here: "
            "--trainer.precision=32-true avoids it"
        )


def _is_available(accelerator: str) -> bool:
    try:
        return AcceleratorRegistry.get(accelerator).is_available()
    except ImportError:
        return False


def check_parts(module: ContrastiveModule) -> None:
    """Raises an error if the parts of a module do not fit each other, before anything is trained: its optimizer is made
    once, and the width that the encoder declares is compared with that of the projector's first layer.

    Args:
        module (ContrastiveModule): The module.
    """
    for name, parameter in module.named_parameters():
        if is_lazy(parameter):
            raise ValueError(f"'model.{name.rpartition('.')[0]}' must have positive widths (got one that is not known)")
    module.optimizer(parameter_groups(module.method))
    method = module.method
    encoder, projector = (getattr(method, name, None) for name in ("encoder", "projector"))
    width = declared_width(encoder)
    # Methods of others may join features before they project them.
    if width is None or projector is None or not type(method).__module__.startswith("gnnclr."):
        return
    wanted = first_width(projector)
    if wanted is not None and wanted != width:
        raise ValueError(
            f"'model.method.projector' must take the {width} features that 'model.method.encoder' gives (got one that "
            f"takes {wanted})"
        )


def first_width(module: nn.Module) -> int | None:
    """The width of the input of a module, if it begins with a linear layer.

    Args:
        module (torch.nn.Module): The module.
    """
    for part in module.modules():
        width = getattr(part, "in_features", None) or getattr(part, "in_channels", None)
        if isinstance(width, int) and isinstance(getattr(part, "weight", None), Tensor):
            return width
    return None
