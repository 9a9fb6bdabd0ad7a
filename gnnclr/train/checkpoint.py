"""Reads and writes checkpoint files, complete or absent; what a resumed run needs is in contrastive_data."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor, nn

from gnnclr.configs import RecipeError
from gnnclr.ops.atomic import atomic_write
from gnnclr.ops.check import describe
from gnnclr.ops.read_files import check_archive, read_files

#: The keys of every checkpoint of a run.
PARTS = ("state_dict", "epoch", "global_step")
#: Further keys that a training needs to go on from it.
OF_TRAINING = ("loops", "optimizer_states", "lr_schedulers", "pytorch-lightning_version")
KINDS: dict[str, type] = {"state_dict": dict, "epoch": int, "global_step": int}
REMEDY = "take another checkpoint, or train anew"


def read_checkpoint(path: str | Path, parts: tuple[str, ...] = PARTS) -> dict[str, Any]:
    """The contents of a checkpoint, on the CPU, after all of its checksums were compared.

    A checkpoint is a zip file: a cut one has no table of contents, and changed bytes of a weight have another checksum,
    which :func:`torch.load` does not look at. Only tensors and plain values are loaded, no other objects.

    Args:
        path (str or Path): The file.
        parts (tuple, optional): The keys it must hold. (default: ``("state_dict", "epoch", "global_step")``)

    Raises:
        RecipeError: If there is no such file, or it is damaged, or no checkpoint of a run.
        PermissionError: If the file may not be read.
    """
    path = Path(path)
    if not path.is_file():
        reason = "a folder" if path.is_dir() else "nothing there"
        raise RecipeError(f"there is no checkpoint '{path}': it must be a file (got {reason})")

    def load() -> dict[str, Any]:
        check_archive(path)
        return torch.load(path, map_location="cpu", weights_only=True)

    try:
        checkpoint = read_files(path, load, "be an undamaged checkpoint", remedy=REMEDY)
    except ValueError as error:
        raise RecipeError(str(error)) from error
    missing = [part for part in parts if not isinstance(checkpoint, dict) or part not in checkpoint]
    if missing:
        raise RecipeError(f"'{path}' must be a checkpoint of a run (got a file without {', '.join(missing)}); {REMEDY}")
    for part, kind in KINDS.items():
        if part in parts and not isinstance(checkpoint[part], kind):
            raise RecipeError(
                f"'{path}' must be a checkpoint of a run (got {describe(checkpoint[part])} as {part}); {REMEDY}"
            )
    return checkpoint


def check_weights(path: str | Path, state: dict[str, Any], module: nn.Module) -> None:
    """Raises a :class:`RecipeError` if weights have other names or shapes than those of a module, are no numbers of its
    kind, or if parameters are NaN or infinite, as after a training that diverged.

    Args:
        path (str or Path): The file of the weights, for the message.
        state (dict): The weights.
        module (torch.nn.Module): The module.
    """
    own = {name: value.shape for name, value in module.state_dict().items()}
    given = {name: getattr(value, "shape", None) for name, value in state.items()}
    for name in [*own, *given]:
        if own.get(name) != given.get(name):
            wanted, got = ("none" if shape is None else list(shape) for shape in (own.get(name), given.get(name)))
            raise RecipeError(
                f"'{path}' is a checkpoint of another recipe, whose weights do not fit: {name!r} must have shape "
                f"{wanted} (got {got})"
            )
    for name, value in module.state_dict().items():
        if isinstance(value, Tensor) and value.is_floating_point() != state[name].is_floating_point():
            raise RecipeError(
                f"'{path}' must be a checkpoint with {value.dtype} as {name!r} (got {state[name].dtype}); {REMEDY}"
            )
    for name, _ in module.named_parameters():
        if not bool(state[name].isfinite().all()):
            raise RecipeError(
                f"'{path}' must be a checkpoint with finite weights (got NaN or infinite entries in {name!r}); {REMEDY}"
            )


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its final name, flushes it to disk and renames it.

    Lightning writes to the system's temporary folder and moves the file, which is a copy, and so not atomic, when
    that folder is on another disk. Checkpoints are loaded with ``weights_only=True``.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Saves ``checkpoint`` so that ``path`` holds either the old or the new one at any time."""
        with atomic_write(path, "wb") as file:
            torch.save(checkpoint, file)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = lambda storage, _: storage, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Loads a checkpoint of tensors and plain values, see :func:`gnnclr.train.read_checkpoint`."""
        return read_checkpoint(path, parts=())
