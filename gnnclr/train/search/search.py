"""A search for the settings of a recipe, by validation alone."""

import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from gnnclr.configs import RecipeError, recipe_space
from gnnclr.configs.layers import load
from gnnclr.eval import results_table
from gnnclr.ops.atomic import write_text
from gnnclr.ops.check import check_count
from gnnclr.ops.paths import expand_path
from gnnclr.processes import is_rank_zero
from gnnclr.train.channels import build_data, build_module
from gnnclr.train.contrastive_data import ContrastiveData
from gnnclr.train.interrupt import TrainingInterrupted
from gnnclr.train.named_fields import name_field
from gnnclr.train.parallel.jobs import Job, Jobs
from gnnclr.train.recipe import parse_recipe
from gnnclr.train.search.criterion import Criterion, choose_criterion
from gnnclr.train.search.space import Space
from gnnclr.train.search.summary import (
    best_table,
    chosen_settings,
    failures,
    plain_settings,
    write_best,
    write_trials,
)
from gnnclr.train.search.trial_run import TrialRun
from gnnclr.train.search.trials import Trials, as_record, claim_when_free, import_optuna
from gnnclr.train.seeds import Seeds

#: The seed of all trials; the seeds of the winner's test are below.
TRIAL_SEED = 1000
#: Trials are processes of their own: several of the command share them.
ALONE = "--trainer.devices=1"


class Search:
    """Trials of settings of a recipe, compared by validation, and a test of the best one.

    A trial trains with seed 1000 and is compared by a criterion that looks at no test row. The trial with the largest
    value is trained anew with seeds 0, 1, ..., and those runs alone are tested. Trials that fail, as by a loss that is
    NaN, are counted and named. A search that was stopped goes on by the same call, also with a larger budget, and
    several processes that make the same call share the trials.

    ===================  ===========================================================================================
    ``trials/``          the folder of each trial, with its settings and losses, and the file that Optuna reads
    ``winner/``          the runs of the winner, over the seeds
    ``trials.csv``       a line for each trial
    ``best.yaml``        the winner as a recipe: ``gnnclr fit --config best.yaml``
    ``search.md``        the best trials, the settings of the winner, and its test
    ===================  ===========================================================================================

    Args:
        configs (str or sequence): Names of recipes, or paths of YAML files, as for :func:`gnnclr.train.parse_recipe`.
        overrides (sequence): Command line arguments for all trials, such as ``["--data.dataset=graph.pt",
            "--trainer.max_time=00:00:05:00"]``. Fields that they name are not searched.
        folder (str or Path): The folder of the search.
        space (str or Path, optional): A YAML file with fields and what is tried of each, see :class:`Space`.
            (default: the ``space`` of the recipe)
        criterion (str, optional): ``"validation"``, the accuracy of the linear probe, or ``"link_auc"``, which needs no
            labels. (default: the first of them that the data allow)

    Raises:
        ImportError: If Optuna is missing.
        RecipeError: If a setting or the space does not fit, or data have nothing to compare by. Nothing is written.
    """

    def __init__(
        self,
        configs: str | Sequence[str],
        overrides: Sequence[str],
        folder: str | Path,
        space: str | Path | None = None,
        criterion: str | None = None,
    ) -> None:
        import_optuna()
        self.configs: list[str] = [configs] if isinstance(configs, str) else list(configs)
        self.overrides: list[str] = [ALONE, *overrides]
        self.folder: Path = Path(folder)
        #: What makes the same search in another process.
        self._arguments: dict[str, Any] = {"configs": self.configs, "overrides": list(overrides)}
        self._arguments |= {"folder": str(folder), "space": None if space is None else str(space)}
        self._arguments["criterion"] = criterion
        self.recipe: Namespace = parse_recipe(self.configs, self.overrides)
        if str(self.recipe.trainer.devices) != "1":
            raise RecipeError(
                f"'trainer.devices' must be 1 in a search (got {self.recipe.trainer.devices}); --parallel N does "
                f"trials in processes of their own"
            )
        self.settings: dict[str, Any] = plain_settings(self.recipe)
        self.dataset: str | None = self.settings["data"].get("init_args", {}).get("dataset")
        self.space: Space = self._space(space)
        self.data: ContrastiveData = build_data(self.recipe)
        self.data.prepare_data()
        self.data.setup("fit")
        self.criterion: Criterion = choose_criterion(criterion, self.data)
        for chosen in self.space.corners():
            self._check(self._recipe(chosen))

    def evaluate(self, budget: int = 50, seeds: int = 3, parallel: int = 1, memory_limit: float | None = None) -> str:
        """Does the trials that are missing, tests the winner, and writes ``trials.csv``, ``best.yaml``, ``search.md``.

        Args:
            budget (int, optional): The number of trials, of all processes together. (default: ``50``)
            seeds (int, optional): The number of seeds of the winner's test. (default: ``3``)
            parallel (int, optional): The number of trials at a time, and of the winner's runs. With more than one, or a
                limit, each is in a process of its own, with as many threads as this one. A trial has the value that it
                has alone; which settings Optuna's TPE draws depends on what has ended by then. (default: ``1``)
            memory_limit (float, optional): The resident memory of all processes together in GB, see
                :class:`~gnnclr.train.parallel.Jobs`; a process that does not fit is ended, and the others go on with
                its trial. (default: ``None``)

        Returns:
            str: What ``search.md`` says.

        Raises:
            RecipeError: If no trial has a value, the folder holds another search, a launcher started the process, or a
                trial needs more memory than there may be, alone.
            TrainingInterrupted: If the user pressed Ctrl-C; the same call goes on there. With several processes it is
                a :class:`KeyboardInterrupt`.
        """
        at_once = Jobs(parallel, memory_limit)
        jobs = None if parallel == 1 and memory_limit is None else at_once
        check_count("budget", budget)
        check_count("seeds", seeds, most=TRIAL_SEED)
        if not is_rank_zero() or "WORLD_SIZE" in os.environ:
            raise RecipeError("a search must not be started by a launcher; give --parallel N instead")
        trials = self._trials()
        if jobs is None:
            self.run_trials(budget)
        else:
            jobs.run(self._jobs(trials, budget, parallel))
        with claim_when_free(self.folder):
            return self._finish(trials, seeds, jobs)

    def run_trials(self, budget: int) -> None:
        """Does trials until none is left; other processes may do the same.

        Args:
            budget (int): The number of trials, of all processes together.

        Raises:
            RecipeError: If the folder holds another search.
            TrainingInterrupted: If this process was asked to stop.
        """
        trials = self._trials()
        while self._next(trials, budget):
            pass

    def _trials(self) -> Trials:
        space = {field: repr(tried) for field, tried in self.space.fields.items()}
        record = {"recipe": as_record(self.settings), "space": as_record(space), "criterion": self.criterion.title}
        return Trials(self.folder / "trials", self.space, record)

    def _jobs(self, trials: Trials, budget: int, parallel: int) -> list[Job]:
        """Processes that do trials, no more than there are trials left."""
        left = int(min(budget, self.space.size)) - len(trials.done)
        task = {"do": "trials", "search": self._arguments, "budget": budget}
        count = max(0, min(parallel, left))
        return [Job(f"process {number} of the search", "trials", task) for number in range(1, count + 1)]

    def _space(self, file: str | Path | None) -> Space:
        if file is not None:
            path = expand_path(file)
            if not path.is_file():
                raise RecipeError(f"'space' must be a YAML file (got '{path}', which does not exist)")
            space = Space(load(path, "fields and what is tried of each"), self.settings, str(path))
            if fixed := [field for field in space.fields if self._is_fixed(field)]:
                raise RecipeError(f"{path}: {fixed[0]!r} must not be given as an override too (got --{fixed[0]})")
            return space
        declared: dict[str, Any] = {}
        for config in self.configs:
            declared |= recipe_space(config, self.dataset)
        open_fields = {field: tried for field, tried in declared.items() if not self._is_fixed(field)}
        return Space(open_fields, self.settings, f"the space of {', '.join(self.configs)}", usual=True)

    def _is_fixed(self, field: str) -> bool:
        """Whether an override gives the field, or what it is a part of."""
        given = [word.split("=")[0].removeprefix("--").replace(".init_args", "") for word in self.overrides]
        return any(field == name or field.startswith((f"{name}.", f"{name}[")) for name in given)

    def _recipe(self, chosen: Mapping[str, Any]) -> Namespace:
        return parse_recipe(self.configs, [*self.overrides, *self.space.overrides(chosen)])

    def _check(self, recipe: Namespace) -> None:
        """Makes the parts of a trial, so that values which no class takes are refused before the first one."""
        try:
            build_data(recipe)
            build_module(recipe, self.data.in_channels, self.data.num_classes, self.data.colors())
        except Exception as error:
            text = name_field(error, recipe)
            if text is None:
                raise
            raise RecipeError(text) from error

    def _next(self, trials: Trials, budget: int) -> bool:
        """Does a trial, and says whether there was one to do."""
        with trials.next(budget) as one:
            if one is None:
                return False
            trial, folder = one
            start = time.monotonic()
            run = TrialRun(self._recipe(trial.params), folder, f"trial {trial.number}", self.criterion)
            run.recipe.seed_everything = TRIAL_SEED
            try:
                value, notes = run.score(), {}
            except TrainingInterrupted:
                raise
            except (ValueError, RuntimeError, ArithmeticError) as error:
                value, notes = None, {"error": " ".join((name_field(error, run.recipe) or str(error)).split())}
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
            trials.finish(trial, value, seconds=round(time.monotonic() - start, 1), **notes)
        outcome = f"failed: {notes['error']}" if value is None else f"{self.criterion.title} {100 * value:.2f}"
        print(f"trial {trial.number}: {outcome}", file=sys.stderr)
        return True

    def _finish(self, trials: Trials, seeds: int, jobs: Jobs | None) -> str:
        write_trials(self.folder / "trials.csv", trials.done, self.space, self.criterion.title)
        best, failed = trials.complete, trials.failed
        if not best:
            reason = failed[0].user_attrs["error"]
            raise RecipeError(f"a trial must end with a value (got none of {len(failed)}, the first with: {reason})")
        winner, recipe = best[0], self._recipe(best[0].params)
        dataset = [f"--data.dataset={self.dataset}"] if self.dataset is not None else []
        searched = plain_settings(parse_recipe(self.configs, [ALONE, *dataset]))
        write_best(self.folder / "best.yaml", self.configs, plain_settings(recipe), searched)
        place = self.folder / "winner" / f"trial-{winner.number}"
        test = self._test_links if self.data.split is None else self._test
        tested = test(recipe, place, seeds, jobs)
        chosen = [f"    {field}: {value}" for field, value in chosen_settings(winner, self.space).items()]
        others = ", ".join(sorted(path.name for path in place.parent.glob("trial-*") if path != place))
        several = "s, in percent, mean ± standard deviation" if seeds > 1 else ", in percent"
        parts = [
            best_table(best, self.space, self.criterion.title),
            f"{len(best)} of {len(trials.done)} trials ended with a value. {failures(failed)}".strip(),
            f"Trial {winner.number} is the best by {self.criterion.title}, {100 * winner.value:.2f} %:",
            "\n".join(chosen),
            tested,
            f"Test of trial {winner.number} over {seeds} fresh seed{several}. No other trial was tested"
            f"{f', but for earlier winners: {others}' if others else ''}.",
        ]
        text = "\n\n".join(parts)
        write_text(self.folder / "search.md", text + "\n")
        return text

    def _test(self, recipe: Namespace, place: Path, seeds: int, jobs: Jobs | None) -> str:
        winner = Seeds(recipe, place, "winner")
        if jobs is not None:
            jobs.run(winner.jobs(seeds))
        return winner.evaluate(seeds)

    def _test_links(self, recipe: Namespace, place: Path, seeds: int, jobs: Jobs | None) -> str:
        """The winner without labels: edges that were held out from all trials and from this training."""
        runs = []
        for seed in range(seeds):
            own = recipe.clone()
            own.seed_everything = seed
            runs.append(TrialRun(own, place / f"seed-{seed}", f"winner seed {seed}", self.criterion))
        if jobs is not None:
            jobs.run([Job.of_run(run, "winner", do="links") for run in runs if run.link_areas is None])
        rows: dict[str, dict[str, list[float]]] = {}
        for run in runs:
            for row, score in run.link_test().items():
                rows.setdefault(row, {}).setdefault(self.criterion.title, []).append(score)
        return results_table(rows, corner="test")
