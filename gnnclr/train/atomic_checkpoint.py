"""Checkpoints that are complete or absent, never in between."""

import os
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from gnnclr.ops.paths import naming_file
from gnnclr.train.checkpoint import read_checkpoint


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its final name, flushes it to disk and renames it.

    Lightning writes to the system's temporary folder and moves the file, which is a copy, and so not atomic, when
    that folder is on another disk. Checkpoints are loaded with ``weights_only=True``.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Saves ``checkpoint`` so that ``path`` holds either the old or the new one at any time."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        try:
            with naming_file(path), part.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)  # on a full disk it takes the place that other files need
            raise

    def load_checkpoint(
        self, path: str | Path, map_location: Any = lambda storage, _: storage, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Loads a checkpoint of tensors and plain values, see :func:`gnnclr.train.read_checkpoint`."""
        return read_checkpoint(path, parts=())
