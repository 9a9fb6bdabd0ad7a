"""A run: a folder with the settings, the metrics, the checkpoints and the result of one training."""

import copy
import json
import logging
import pickle
import platform
from pathlib import Path
from typing import Any

import lightning
import torch
import torch_geometric
from jsonargparse import Namespace
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn

import gnnclr
from gnnclr.configs import RecipeError
from gnnclr.train.atomic_checkpoint import AtomicCheckpointIO
from gnnclr.train.channels import read_from_data
from gnnclr.train.contrastive_data import ContrastiveData
from gnnclr.train.elapsed import Elapsed
from gnnclr.train.interrupt import ResumableInterrupt
from gnnclr.train.metrics_csv import MetricsCSV
from gnnclr.train.progress import StepProgress
from gnnclr.train.recipe import parse_recipe, recipe_parser
from gnnclr.train.save_config import SaveConfig
from gnnclr.train.step_seed import StepSeed


class Run:
    """One training run and its folder.

    ====================  ==============================================================================
    ``config.yaml``       all settings; ``gnnclr fit --config config.yaml`` repeats the run
    ``metrics.csv``       loss, alignment, uniformity and learning rate over the steps
    ``metrics.json``      test accuracies of the trained, the untrained and the raw features, versions
    ``checkpoints/``      ``last.ckpt``, loadable with ``weights_only=True``
    ====================  ==============================================================================

    Args:
        recipe (Namespace): The settings, see :func:`gnnclr.train.parse_recipe`.
        folder (str or Path): The folder. Nothing is written before :meth:`fit`.
        name (str, optional): The name that the progress bar shows. (default: the name of the folder)
    """

    def __init__(self, recipe: Namespace, folder: str | Path, name: str | None = None) -> None:
        self.recipe = recipe
        self.folder = Path(folder)
        self.name = self.folder.name if name is None else name

    @classmethod
    def open(cls, folder: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> "Run":
        """Opens the folder of an earlier run.

        Raises:
            RecipeError: If the folder holds no run.
        """
        config = Path(folder) / "config.yaml"
        if not config.is_file():
            raise RecipeError(f"{folder} is not the folder of a run: it has no config.yaml")
        return cls(parse_recipe(str(config), overrides), folder)

    @property
    def checkpoint(self) -> Path:
        """The last checkpoint."""
        return self.folder / "checkpoints" / "last.ckpt"

    @property
    def result(self) -> dict[str, Any] | None:
        """The contents of ``metrics.json``, or none if the run is not finished."""
        path = self.folder / "metrics.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def settings(self) -> str:
        """The settings as YAML."""
        # A field that is set to null may have another default.
        return recipe_parser().dump(self.recipe, skip_unset=False)

    def build(self) -> Namespace:
        """Makes ``model``, with the initial weights that the seed gives, ``data``, and the arguments of the trainer.
        Numbers of channels that the recipe leaves to the data are in :attr:`recipe` from then on."""
        self.recipe, data = read_from_data(self.recipe)
        seed_everything(self.recipe.seed_everything, verbose=False)
        built = recipe_parser().instantiate(self.recipe)
        built.data = built.data if data is None else data
        return built

    def fit(self, ckpt_path: str | Path | None = None) -> dict[str, Any]:
        """Trains, evaluates and writes the folder.

        Args:
            ckpt_path (str or Path, optional): A checkpoint to go on from. (default: ``None``)

        Returns:
            dict: The contents of ``metrics.json``.

        Raises:
            TrainingInterrupted: If the user pressed Ctrl-C; a checkpoint is written before.
        """
        built = self.build()
        module, data = built.model, built.data
        data.prepare_data()
        data.setup("fit")
        data.check(module.method)
        untrained = copy.deepcopy(module.method)
        self.folder.mkdir(parents=True, exist_ok=True)
        if ckpt_path is None:
            for name in ("metrics.csv", "metrics.json"):
                (self.folder / name).unlink(missing_ok=True)
        else:
            self._check_checkpoint(Path(ckpt_path), module, built.trainer.max_epochs)
        elapsed = Elapsed()
        trainer = self._trainer(built.trainer.as_dict(), built.checkpoint.as_dict(), elapsed)
        trainer.fit(module, datamodule=data, ckpt_path=ckpt_path, weights_only=True if ckpt_path else None)
        # The end of training need not be a multiple of the checkpoint interval.
        trainer.save_checkpoint(self.checkpoint)
        return self._evaluate(data, untrained, module.method, trainer.global_step, elapsed.seconds)

    def load(self) -> tuple[nn.Module, nn.Module, ContrastiveData, int]:
        """The untrained method, the method of the last checkpoint, the data, and the number of steps taken.

        Raises:
            RecipeError: If there is no checkpoint.
        """
        if not self.checkpoint.is_file():
            raise RecipeError(f"{self.folder} has no checkpoint {self.checkpoint.relative_to(self.folder)}")
        built = self.build()
        module, data = built.model, built.data
        untrained = copy.deepcopy(module.method)
        checkpoint = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        module.load_state_dict(checkpoint["state_dict"])
        data.prepare_data()
        data.setup("evaluate")
        return untrained, module.method, data, checkpoint["global_step"]

    def evaluate(self) -> dict[str, Any]:
        """Evaluates the last checkpoint and writes ``metrics.json``."""
        seconds = (self.result or {}).get("seconds", float("nan"))
        untrained, trained, data, step = self.load()
        return self._evaluate(data, untrained, trained, step, seconds)

    def _evaluate(
        self, data: ContrastiveData, untrained: nn.Module, trained: nn.Module, step: int, seconds: float
    ) -> dict[str, Any]:
        results = data.evaluate({"untrained": untrained, "trained": trained})
        result = {
            "seed": self.recipe.seed_everything,
            "steps": step,
            "seconds": round(seconds, 1),
            "test": {row: {probe: r.test for probe, r in probes.items()} for row, probes in results.items()},
            "validation": {row: {probe: r.val for probe, r in probes.items()} for row, probes in results.items()},
            "settings": {row: {probe: r.settings for probe, r in probes.items()} for row, probes in results.items()},
            "versions": versions(),
        }
        (self.folder / "metrics.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        return result

    @staticmethod
    def _check_checkpoint(path: Path, module: nn.Module, max_epochs: int | None) -> None:
        """Refuses what is no checkpoint of this recipe, before anything of the run is touched."""
        if not path.is_file():
            raise RecipeError(f"there is no checkpoint {path}")
        try:
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
            state, epoch = checkpoint["state_dict"], checkpoint["epoch"]
        except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError) as error:
            raise RecipeError(f"{path} is not a checkpoint of gnnclr, or it is damaged") from error
        own = {name: value.shape for name, value in module.state_dict().items()}
        if {name: value.shape for name, value in state.items()} != own:
            raise RecipeError(f"{path} is a checkpoint of another recipe: its weights do not fit this one")
        if max_epochs is not None and 0 <= max_epochs < epoch:
            raise RecipeError(
                f"{path} has had {epoch} epochs: 'trainer.max_epochs' must not be less (got {max_epochs})"
            )

    def _trainer(self, settings: dict[str, Any], checkpoint: dict[str, Any], elapsed: Elapsed) -> Trainer:
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        loggers = [MetricsCSV(self.folder / "metrics.csv")]
        if self.recipe.tensorboard:
            loggers.append(TensorBoardLogger(self.folder, name="tensorboard", version=""))
        callbacks = [
            *(settings.pop("callbacks", None) or []),
            elapsed,
            SaveConfig(self.folder / "config.yaml", self.settings()),
            StepSeed(self.recipe.seed_everything),
            StepProgress(self.name),
            ModelCheckpoint(dirpath=self.checkpoint.parent, **checkpoint),
            ResumableInterrupt(self.checkpoint),
        ]
        plugins = [AtomicCheckpointIO()]
        return Trainer(**settings, default_root_dir=self.folder, logger=loggers, callbacks=callbacks, plugins=plugins)


def versions() -> dict[str, str]:
    """The versions a result depends on."""
    return {
        "gnnclr": gnnclr.__version__,
        "torch": torch.__version__,
        "torch_geometric": torch_geometric.__version__,
        "lightning": lightning.__version__,
        "python": platform.python_version(),
        "threads": str(torch.get_num_threads()),
    }
