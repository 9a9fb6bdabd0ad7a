"""Checkpoints that are complete or absent, never in between."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from gnnclr.ops.atomic import atomic_write
from gnnclr.train.checkpoint import read_checkpoint


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
