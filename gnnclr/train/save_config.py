"""Writes the settings of a run into its folder."""

from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from gnnclr.ops.atomic import write_text


class SaveConfig(Callback):
    """Writes ``config.yaml`` when training starts: settings that fail before leave the folder as it was.

    Args:
        path (Path): The file.
        settings (str): Its text.
    """

    def __init__(self, path: Path, settings: str) -> None:
        self.path, self.settings = path, settings

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes the file."""
        if trainer.is_global_zero:
            write_text(self.path, self.settings)
