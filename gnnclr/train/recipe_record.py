"""The recipe inside of a checkpoint, and its comparison with another one."""

import sys
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only
from torch import nn

from gnnclr.configs import RecipeError
from gnnclr.ops.notice import notice
from gnnclr.train.checkpoint import OF_TRAINING, PARTS, check_weights, read_checkpoint

#: Where a checkpoint holds the settings of its recipe.
KEY = "gnnclr_recipe"


class RecipeRecord(Callback):
    """Writes the resolved settings of ``model`` and ``data`` into each checkpoint, as plain values.

    Args:
        settings (str): The settings of the run as YAML.
    """

    def __init__(self, settings: str) -> None:
        self.record: dict[str, Any] = _record(settings)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Adds the settings."""
        checkpoint[KEY] = self.record


def check_recipe(path: str | Path, checkpoint: dict[str, Any], settings: str, method_only: bool = False) -> None:
    """Raises a :class:`RecipeError` if a checkpoint was made by another ``model``, or on another ``data.dataset``, than
    that of the settings; ``trainer``, ``checkpoint``, ``data.root`` and other paths may differ.

    A field that one of the two versions of a class does not know is not compared. A checkpoint without a record, which
    an earlier version wrote, is taken, with a message that only its shapes were compared.

    Args:
        path (str or Path): The file of the checkpoint, for the message.
        checkpoint (dict): Its contents.
        settings (str): The settings of the run as YAML.
        method_only (bool, optional): Compare ``model.method`` alone, as where nothing is trained. (default: ``False``)
    """
    if KEY not in checkpoint:
        if method_only:
            return
        _notice(
            f"gnnclr: '{path}' was written by an earlier version and does not say which recipe made it: only the "
            f"shapes of its weights are compared with this recipe"
        )
        return
    wanted, got = checkpoint[KEY], _record(settings)
    if not isinstance(wanted, dict) or not isinstance(wanted.get("model"), dict):
        raise RecipeError(f"'{path}' must say which recipe made it (got {_shown(wanted)}); take another checkpoint")
    if method_only:
        wanted, got = ({"model": {"method": x["model"].get("method")}} for x in (wanted, got))
    difference = _difference(wanted, got, "")
    if difference is not None:
        field, wanted, got = difference
        raise RecipeError(
            f"'{path}' is a checkpoint of another recipe: {field!r} must be {_shown(wanted)}, as when it was written "
            f"(got {_shown(got)})"
        )


def check_resumes(
    path: Path, settings: str, module: nn.Module, max_epochs: int | None = None, max_steps: int = -1
) -> None:
    """Raises a :class:`RecipeError` if a training cannot go on from a file, before anything of its run is touched.

    Args:
        path (Path): The file.
        settings (str): The settings of the run as YAML.
        module (torch.nn.Module): What is trained.
        max_epochs (int, optional): The epochs of the whole training. (default: ``None``, any number)
        max_steps (int, optional): Its steps. (default: ``-1``, any number)
    """
    checkpoint = read_checkpoint(path, PARTS + OF_TRAINING)
    check_recipe(path, checkpoint, settings)
    check_weights(path, checkpoint["state_dict"], module)
    limits = (("epochs", checkpoint["epoch"], max_epochs), ("steps", checkpoint["global_step"], max_steps))
    for what, had, most in limits:
        if most is not None and 0 <= most < had:
            raise RecipeError(f"{path} has had {had} {what}: 'trainer.max_{what}' must not be less (got {most})")
    for what, had, most in limits:
        if had == most:
            more = f"for more, give --trainer.max_{what}={2 * had}"
            notice(f"{path} has had all of its {had} {what} and is evaluated alone; {more}")


def _record(settings: str) -> dict[str, Any]:
    recipe = yaml.safe_load(settings)
    data = recipe["data"]
    dataset = (data.get("init_args") or {}).get("dataset")
    if isinstance(dataset, str) and dataset.endswith(".pt"):
        dataset = Path(dataset).name  # its folder may differ, as a root may
    return {"model": recipe["model"], "data": {"class_path": data["class_path"], "dataset": dataset}}


def _difference(wanted: Any, got: Any, field: str) -> tuple[str, Any, Any] | None:
    """The first field that differs, and its two values."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        for name in sorted(wanted.keys() & got.keys()):  # 'class_path' comes before 'init_args'
            inner = field if name == "init_args" else f"{field}.{name}".lstrip(".")
            inner = field if name == "class_path" else inner
            found = _difference(wanted[name], got[name], inner)
            if found is not None:
                return found
        return None
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        pairs = enumerate(zip(wanted, got))
        return next((found for i, pair in pairs if (found := _difference(*pair, f"{field}[{i}]"))), None)
    return None if wanted == got else (field, wanted, got)


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "class_path" in value:
        value = value["class_path"]
    text = "none" if value is None else str(value)
    return text if len(text) <= 120 else text[:117] + "..."


@rank_zero_only
def _notice(text: str) -> None:
    print(text, file=sys.stderr)
