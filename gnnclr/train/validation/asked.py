"""Whether a recipe asks for Lightning's validation loop; where it does not, nothing is held out."""

from collections.abc import Mapping, Sequence
from typing import Any

from jsonargparse import Namespace
from torch import nn

from gnnclr.graph import DataNeighborRewiring, FeatureBank
from gnnclr.nn.stage_memory import StageMemory
from gnnclr.train.contrastive_data import ContrastiveData
from gnnclr.train.method_parts import method_parts

#: The field that is zero where nothing is validated, and those that ask for it as well.
LIMIT = "limit_val_batches"
ASKS = ("check_val_every_n_epoch", "val_check_interval", "num_sanity_val_steps")


def validation_overrides(trainer: Mapping[str, Any], overrides: Sequence[str]) -> list[str]:
    """What turns the loop on where a field asks for it, and off where none does.

    Args:
        trainer (dict): The fields of ``trainer`` that a recipe states.
        overrides (list): Arguments of the command line.
    """
    words = list(zip(overrides, [*overrides[1:], ""]))
    given = {word.partition("=")[0]: word.partition("=")[2] or following for word, following in words}
    if f"--trainer.{LIMIT}" in given:  # null is all to Lightning
        return [f"--trainer.{LIMIT}=1.0"] if given[f"--trainer.{LIMIT}"] == "null" else []
    if any(given.get(f"--trainer.{name}", "0") not in ("0", "null") for name in ASKS):
        return [f"--trainer.{LIMIT}=1.0"]
    if LIMIT in trainer:  # all fields stand in the settings of a run: null is from before there was a loop
        return [] if trainer[LIMIT] is not None else [f"--trainer.{LIMIT}=0"]
    return [f"--trainer.{LIMIT}=1.0"] if any(trainer.get(name) for name in ASKS) else []


def hold_out(data: ContrastiveData, trainer: Namespace) -> None:
    """Tells data to hold their validation part out, if the loop is asked for.

    Args:
        data (ContrastiveData): The data, which have made no batches yet.
        trainer (Namespace): The settings of the trainer.

    Raises:
        ValueError: If they have no part to hold out.
    """
    if trainer[LIMIT] == 0:
        return
    if not data.can_validate:
        raise ValueError(
            f"'trainer.{LIMIT}' must be 0 for a graph, which has no held-out batches: 'watch.every_n_epochs' looks at "
            f"validation nodes, and 'trainer.{ASKS[0]}' and the like ask for the loop (got {trainer[LIMIT]})"
        )
    data.hold_out()


def check_can_validate(method: nn.Module) -> None:
    """Raises a :class:`ValueError` if a method keeps something for each training sample, which others do not have.

    Args:
        method (torch.nn.Module): The method.
    """
    for part in method_parts(method):
        of_samples = isinstance(part, FeatureBank) and part.mode == "sample"
        if of_samples or isinstance(part, (StageMemory, DataNeighborRewiring)):
            raise ValueError(
                f"'trainer.{LIMIT}' must be 0 for a method with {type(part).__name__}, which knows training samples "
                f"alone: 'watch.every_n_epochs' looks at validation samples"
            )
