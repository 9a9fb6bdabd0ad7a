"""A run: a folder with the settings, the metrics, the checkpoints and the result of one training."""

import copy
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch.distributed as dist
from jsonargparse import Namespace
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, Timer
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from torch import nn

from gnnclr.configs import RecipeError
from gnnclr.configs.layers import load
from gnnclr.ops.atomic import write_text
from gnnclr.ops.check import check_seed
from gnnclr.ops.notice import notice
from gnnclr.processes import is_rank_zero
from gnnclr.train.callbacks import NoTraining, SaveFiles, StepProgress, StepSeed
from gnnclr.train.channels import read_from_data, without_weights
from gnnclr.train.check_settings import check_parts, check_trainer, say_what_is_slow
from gnnclr.train.checkpoint import AtomicCheckpointIO, check_weights, read_checkpoint
from gnnclr.train.contrastive_data import ContrastiveData
from gnnclr.train.exact_epochs import ExactEpochs
from gnnclr.train.fitted_file import FITTED, save_fitted
from gnnclr.train.interrupt import ResumableInterrupt, TrainingInterrupted
from gnnclr.train.metrics_csv import LineBeforeCheckpoint, MetricsCSV
from gnnclr.train.named_fields import names_fields
from gnnclr.train.parallel.memory import PeakMemory
from gnnclr.train.processes.check_processes import check_processes, say_what_is_contrasted
from gnnclr.train.recipe import parse_recipe, recipe_parser
from gnnclr.train.recipe_record import RecipeRecord, check_recipe, check_resumes
from gnnclr.train.run_folder import claim_folder, claim_number
from gnnclr.train.run_result import Cost, make_result, read_result
from gnnclr.train.validation.asked import check_can_validate, hold_out
from gnnclr.train.workers import FromRankZero, several_processes


class Run:
    """One training run and its folder.

    ====================  ==============================================================================
    ``config.yaml``       all settings; ``gnnclr fit --config config.yaml`` repeats the run
    ``metrics.csv``       loss, alignment, uniformity and learning rate over the steps
    ``metrics.json``      test accuracies of the trained, the untrained and the raw features, versions, the seconds and
                          the memory of the training; where nothing is probed, measures of how features lie
    ``broken.txt``        photos that were passed over as they cannot be read, and why, where there are some
    ``checkpoints/``      ``last.ckpt``, loadable with ``weights_only=True``
    ``fitted.pt``         what transforms of features were fitted to, where there are such; loadable likewise
    ====================  ==============================================================================

    One process at a time writes into the folder; another one that wants to is refused. A training on several processes
    (``trainer.devices``) starts the others itself, or is started in each by a launcher such as ``torchrun``. The first
    one alone writes, evaluates and prints.

    Args:
        recipe (Namespace): The settings, see :func:`gnnclr.train.parse_recipe`.
        folder (str or Path): The folder. Nothing is written before :meth:`fit`.
        name (str, optional): The name that the progress bar shows. (default: the name of the folder)
        numbered (bool, optional): Take the next free number in ``folder`` as the folder, when :meth:`fit` begins.
            (default: ``False``)
    """

    def __init__(self, recipe: Namespace, folder: str | Path, name: str | None = None, numbered: bool = False) -> None:
        self.recipe: Namespace = recipe
        self.folder = Path(folder)
        self.name: str = self.folder.name if name is None else name
        self.numbered = numbered

    @classmethod
    def open(cls, folder: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> "Run":
        """Opens the folder of an earlier run.

        Raises:
            RecipeError: If the folder holds no run, or its settings were cut.
        """
        config = Path(folder) / "config.yaml"
        if not config.is_file():
            below = sorted(str(path.parent) for path in Path(folder).glob("*/config.yaml"))
            hint = f"; did you mean {' or '.join(map(repr, below[-3:]))}?" if below else ""
            raise RecipeError(f"{folder} is not the folder of a run: it has no config.yaml{hint}")
        lacking = [part for part in ("model", "data", "trainer", "checkpoint") if not load(config).get(part)]
        if lacking:  # what is cut between two lines is YAML, with defaults in place of the rest
            raise RecipeError(f"'{config}' must hold all settings of a run (got none of {', '.join(lacking)})")
        return cls(parse_recipe(str(config), overrides), folder)

    @property
    def checkpoint(self) -> Path:
        """The last checkpoint."""
        return self.folder / "checkpoints" / "last.ckpt"

    @property
    def result(self) -> dict[str, Any] | None:
        """The contents of ``metrics.json``, or none if the run is not finished.

        Raises:
            ValueError: If the file is damaged.
        """
        path = self.folder / "metrics.json"
        return read_result(path, f"make it anew with: gnnclr evaluate --run {self.folder}") if path.exists() else None

    def settings(self) -> str:
        """The settings as YAML."""
        # A field that is set to null may have another default.
        return recipe_parser().dump(self.recipe, skip_unset=False, skip_validation=True)

    @names_fields
    def build(self) -> Namespace:
        """Makes ``model``, with the initial weights that the seed gives, ``data``, and the arguments of the trainer.
        Numbers of channels that the recipe leaves to the data are in :attr:`recipe` from then on."""
        return self._build()

    def _build(self, pretrained: bool = True, training: bool = True) -> Namespace:
        """As :meth:`build`; weights of files, which a checkpoint replaces, and loggers may be left out."""
        self.recipe, data = read_from_data(self.recipe)
        seed_everything(check_seed("seed_everything", self.recipe.seed_everything, bits=32), verbose=False)
        recipe = self.recipe.clone() if pretrained else without_weights(self.recipe)
        if not training:
            recipe.trainer.logger = None  # whose packages may be missing here
        built = recipe_parser().instantiate(recipe)
        built.data = built.data if data is None else data
        return built

    @names_fields
    def fit(self, ckpt_path: str | Path | None = None, new: bool = False) -> dict[str, Any]:
        """Trains, evaluates and writes the folder.

        Args:
            ckpt_path (str or Path, optional): A checkpoint to go on from. (default: ``None``)
            new (bool, optional): Refuse a folder that holds a run. (default: ``False``)

        Returns:
            dict: The contents of ``metrics.json``, on all processes of a launcher: they wait for the first one, which
            evaluates. Empty on further machines without a launcher.

        Raises:
            RecipeError: If another process uses the folder, a setting is wrong, or the checkpoint is damaged or of
                another recipe.
            TrainingInterrupted: If the user pressed Ctrl-C; a checkpoint is written before.
            ChildProcessError: If another process of the training failed.
        """
        with self._claim(new):
            with PeakMemory() as peak:
                trained = self.train(ckpt_path)
            share = FromRankZero() if trained.joined else None
            if not is_rank_zero():
                if share is None:
                    return {}
                result, folder = share(None)
                self.folder, self.numbered = Path(folder), False
                return result
            cost = Cost(trained.seconds, peak.gb)
            try:
                result = self._evaluate(trained.data, trained.untrained, trained.method, trained.step, cost)
            except KeyboardInterrupt:
                raise TrainingInterrupted(self.checkpoint, trained.step) from None
            if share is not None:
                share((result, str(self.folder)))
            return result

    @contextmanager
    def _claim(self, new: bool = False) -> Iterator[None]:
        """Holds the folder; the first process does for all."""
        if not is_rank_zero():
            yield
            return
        with claim_number(self.folder) if self.numbered else claim_folder(self.folder, new) as folder:
            self.folder: Path = folder
            self.numbered: bool = False
            yield

    def train(self, ckpt_path: str | Path | None = None) -> "Trained":
        """Trains without evaluating, which is all that the further processes of a training do. The folder is not
        claimed."""
        built = self.build()
        module, data = built.model, built.data
        check_trainer(built.trainer)
        timer, interrupt = Timer(built.trainer.max_time), ResumableInterrupt(self.checkpoint)
        settings = self.settings()
        files = SaveFiles(self.folder, {"config.yaml": settings})
        own = [timer, interrupt, files, built.watch, RecipeRecord(settings)]
        flags = built.trainer.as_dict() | {"max_time": None}  # or Lightning ignores it, as there is a timer
        trainer = self._trainer(flags, built.checkpoint.as_dict(), own)
        if ckpt_path is not None and is_rank_zero():
            check_resumes(Path(ckpt_path), settings, module, built.trainer.max_epochs, built.trainer.max_steps)
        check_processes(trainer, built.trainer.sync_batchnorm)
        data.check_processes(module.method, trainer.world_size)
        hold_out(data, built.trainer)
        data.prepare_data()
        data.setup("fit")
        data.check(module.method)
        files.texts |= data.records()
        check_parts(module)
        if data.validates:
            check_can_validate(module.method)
        say_what_is_contrasted(module.method, trainer.world_size)
        say_what_is_slow(trainer)
        if (reason := data.needs_no_training(module.method)) is not None:
            notice(reason)
            trainer.callbacks.insert(0, NoTraining())  # pyright: ignore[reportAttributeAccessIssue]
        untrained = copy.deepcopy(module.method)
        if is_rank_zero():
            save_fitted(self.folder, data.fitted())
        if ckpt_path is None and is_rank_zero():
            for name in ("metrics.csv", "metrics.json"):
                (self.folder / name).unlink(missing_ok=True)
        task = {"settings": settings, "folder": str(self.folder), "name": self.name}
        task["ckpt_path"] = None if ckpt_path is None else str(ckpt_path)
        try:
            with several_processes(trainer, interrupt, task):
                trainer.fit(module, datamodule=data, ckpt_path=ckpt_path, weights_only=True if ckpt_path else None)
                finishing = time.perf_counter()
                data.finish(module.method)
                finishing = time.perf_counter() - finishing
                # The end of training need not be a multiple of the checkpoint interval.
                trainer.save_checkpoint(self.checkpoint)
                seconds = timer.time_elapsed("train") + finishing  # of the sessions before as well
        except Exception:
            if ckpt_path is None and trainer.global_step == 0 and is_rank_zero():
                self._clear([*files.texts, "metrics.csv", FITTED])
            raise
        joined = trainer.world_size > 1 and dist.is_initialized()
        return Trained(data, untrained, module.method, trainer.global_step, seconds, joined)

    def _clear(self, names: list[str]) -> None:
        """Removes the files of a training that failed before its first step was done."""
        if self.checkpoint.exists():
            return
        for name in names:
            (self.folder / name).unlink(missing_ok=True)
        with suppress(OSError):  # not empty, or not there
            self.checkpoint.parent.rmdir()

    @names_fields
    def load(self) -> tuple[nn.Module, nn.Module, ContrastiveData, int]:
        """The untrained method, the method of the last checkpoint, the data, and the number of steps taken.

        Raises:
            RecipeError: If there is no checkpoint, or it is damaged or of another method.
        """
        untrained, method, data, step = self._load()
        data.prepare_data()
        data.setup("evaluate")
        return untrained, method, data, step

    @names_fields
    def load_method(self) -> tuple[nn.Module, ContrastiveData]:
        """The method of the last checkpoint, and the data, of which nothing is read: they may be elsewhere.

        Raises:
            RecipeError: As of :meth:`load`.
        """
        _, method, data, _ = self._load(pretrained=False)
        return method, data

    @names_fields
    def load_methods(self) -> tuple[nn.Module, nn.Module, ContrastiveData]:
        """The untrained method, that of the last checkpoint, and the data, of which nothing is read.

        Raises:
            RecipeError: As of :meth:`load`.
        """
        untrained, method, data, _ = self._load()
        return untrained, method, data

    def _load(self, pretrained: bool = True) -> tuple[nn.Module, nn.Module, ContrastiveData, int]:
        self._check_has_checkpoint()
        built = self._build(pretrained, training=False)
        module, data = built.model, built.data
        untrained = copy.deepcopy(module.method)
        checkpoint = read_checkpoint(self.checkpoint)
        check_recipe(self.checkpoint, checkpoint, self.settings(), method_only=True)
        check_weights(self.checkpoint, checkpoint["state_dict"], module)
        module.load_state_dict(checkpoint["state_dict"])
        return untrained, module.method, data, checkpoint["global_step"]

    def _check_has_checkpoint(self) -> None:
        if not self.checkpoint.is_file():
            raise RecipeError(f"{self.folder} has no checkpoint {self.checkpoint.relative_to(self.folder)}")

    @names_fields
    def evaluate(self) -> dict[str, Any]:
        """Evaluates the last checkpoint and writes ``metrics.json``, in this process.

        Raises:
            RecipeError: If there is no checkpoint, or another process uses the folder.
        """
        self._check_has_checkpoint()
        with self._claim():
            try:
                before = self.result or {}
            except ValueError:  # damaged, and about to be made anew
                before = {}
            cost = Cost(before.get("seconds", float("nan")), before.get("memory_gb"))
            untrained, trained, data, step = self.load()
            return self._evaluate(data, untrained, trained, step, cost)

    def _evaluate(
        self, data: ContrastiveData, untrained: nn.Module, trained: nn.Module, step: int, cost: Cost
    ) -> dict[str, Any]:
        methods = {"untrained": untrained, "trained": trained}
        for method in methods.values():
            data.fit_features(method)
        results = data.evaluate(methods)
        result = make_result(self.recipe.seed_everything, step, cost, results)
        if not results:
            result["geometry"] = data.geometry(methods)
        write_text(self.folder / "metrics.json", json.dumps(result, indent=2) + "\n")
        return result

    def _trainer(self, settings: dict[str, Any], checkpoint: dict[str, Any], own: list[Callback]) -> Trainer:
        for name in ("lightning.pytorch", "lightning.fabric"):
            logging.getLogger(name).setLevel(logging.ERROR)
        if checkpoint["monitor"] is None and checkpoint["save_on_train_epoch_end"] is None:
            checkpoint["save_on_train_epoch_end"] = True  # whether anything is validated or not
        loggers: list[Logger] = [MetricsCSV(self.folder / "metrics.csv"), *_listed(settings.pop("logger", None))]
        if self.recipe.tensorboard:
            loggers.append(TensorBoardLogger(self.folder, name="tensorboard", version=""))
        callbacks = [
            *(settings.pop("callbacks", None) or []),
            *own,
            StepSeed(self.recipe.seed_everything),
            StepProgress(self.name),
            LineBeforeCheckpoint(),
            ModelCheckpoint(dirpath=self.checkpoint.parent, **checkpoint),
        ]
        plugins = [AtomicCheckpointIO()]
        trainer = Trainer(
            **settings, default_root_dir=self.folder, logger=loggers, callbacks=callbacks, plugins=plugins
        )
        trainer.fit_loop = ExactEpochs.of(trainer)
        return trainer


def _listed(logger: Any) -> list[Logger]:
    """The loggers of a setting of Lightning, which is one, several, or whether there is any."""
    if logger is None or isinstance(logger, bool):
        return []
    return [logger] if isinstance(logger, Logger) else list(logger)


class Trained(NamedTuple):
    """The result of a training: the data, the method before and after, the steps, the seconds, and whether processes
    are still joined, as those of a launcher are."""

    data: ContrastiveData
    untrained: nn.Module
    method: nn.Module
    step: int
    seconds: float
    joined: bool
