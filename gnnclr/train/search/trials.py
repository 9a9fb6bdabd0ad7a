"""The trials of a search, which several processes share."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnclr.configs import RecipeError
from gnnclr.train.run_folder import claim_folder
from gnnclr.train.search.space import Space

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

#: Seconds between two looks at what other processes do.
PAUSE = 0.2


class Trials:
    """Trials in a folder, by Optuna: a file that each change is appended to, and a folder for each trial.

    Who begins a trial holds its folder by a lock that ends with the process. So a trial that nobody holds and that has
    no end was stopped, and the next process goes on with it. Where the space is no larger than the budget all of it is
    tried; otherwise Optuna's TPE draws, by a seed that depends on the number of the trial alone. The first trial has
    the values of the recipe.

    Args:
        folder (str or Path): The folder.
        space (Space): What is tried.
        record (dict): What must be the same for all processes that share the folder, by name.

    Raises:
        ImportError: If Optuna is missing.
        RecipeError: If the folder has trials of a search with another record.
    """

    def __init__(self, folder: str | Path, space: Space, record: dict[str, str]) -> None:
        optuna = import_optuna()
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        self.folder: Path = Path(folder).resolve()
        self.space: Space = space
        with self._alone():
            storage = JournalStorage(JournalFileBackend(str(self.folder / "journal.log")))
            self.study: Study = optuna.create_study(
                storage=storage, study_name="search", direction="maximize", load_if_exists=True
            )
            found = self.study.user_attrs.get("record", record)
            for name, value in record.items():
                if found.get(name) != value:
                    raise RecipeError(f"{folder} holds a search with another {name}; give another --out, or remove it")
            self.study.set_user_attr("record", record)

    @contextmanager
    def next(self, budget: int) -> Iterator["tuple[Trial, Path] | None"]:
        """A trial to do and its folder, which is held while the block runs; ``None`` if none is left. Waits while other
        processes are at the last ones, as they may be stopped.

        Args:
            budget (int): The number of trials that may be done, those of all processes together.
        """
        with ExitStack() as held:
            while True:
                with self._alone():
                    self._take_over()
                    running = len(self._of_state("RUNNING"))
                    free = len(self.done) + running < budget and self._enqueue(budget)
                    if free:
                        trial = self.study.ask(self.space.distributions())
                        folder = held.enter_context(claim_folder(self._place(trial)))
                        break
                if not running:
                    break
                time.sleep(PAUSE)
            yield (trial, folder) if free else None

    def finish(self, trial: "Trial", value: float | None, **notes: Any) -> None:
        """Says how a trial ended.

        Args:
            trial (Trial): The trial.
            value (float, optional): What it is compared by; ``None`` if it failed.
            notes (optional): What is to be kept about it, such as ``error``.
        """
        from optuna.trial import TrialState

        with self._alone():
            for name, note in notes.items():
                trial.set_user_attr(name, note)
            self.study.tell(trial, value, state=TrialState.FAIL if value is None else None)

    @property
    def done(self) -> list["FrozenTrial"]:
        """The trials that have an end, failed ones too."""
        return [*self.complete, *self.failed]

    @property
    def complete(self) -> list["FrozenTrial"]:
        """The trials that have a value, best first, and of equal ones the first."""
        return sorted(self._of_state("COMPLETE"), key=lambda trial: (-trial.value, trial.number))

    @property
    def failed(self) -> list["FrozenTrial"]:
        """The trials that ended with an error, and not by a stop of their process."""
        return [trial for trial in self._of_state("FAIL") if "error" in trial.user_attrs]

    def _of_state(self, state: str) -> list["FrozenTrial"]:
        return [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.name == state]

    def _place(self, trial: Any) -> Path:
        return self.folder / str(trial.user_attrs.get("folder", trial.number))

    def _take_over(self) -> None:
        """Hands trials that nobody holds to whoever asks next; their folders have their checkpoints."""
        from optuna.trial import TrialState

        for trial in self._of_state("RUNNING"):
            try:
                with claim_folder(self._place(trial)):
                    self.study.tell(trial.number, state=TrialState.FAIL)
                    self.study.enqueue_trial(trial.params, user_attrs={"folder": self._place(trial).name})
            except RecipeError:  # somebody holds it
                continue

    def _enqueue(self, budget: int) -> bool:
        """Decides what the next trial is, where that is not drawn; false if all settings have been tried."""
        import optuna

        trials = self.study.get_trials(deepcopy=False)
        if self._of_state("WAITING"):
            return True
        self.study.sampler = optuna.samplers.TPESampler(seed=len(trials), constant_liar=True)
        own = self.space.own()
        if self.space.size <= budget:
            seen = [trial.params for trial in trials]
            grid = [*([own] if len(own) == len(self.space.fields) else []), *self.space.grid()]
            own = next((chosen for chosen in grid if chosen not in seen), {})
            if not own:
                return False
        elif trials:
            return True
        self.study.enqueue_trial(own)
        return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with claim_when_free(self.folder):
            yield


@contextmanager
def claim_when_free(folder: Path) -> Iterator[None]:
    """Holds a folder as :func:`~gnnclr.train.run_folder.claim_folder` does, after others that hold it.

    Args:
        folder (Path): The folder.
    """
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(claim_folder(folder))
                break
            except RecipeError:
                time.sleep(PAUSE)
        yield


def import_optuna() -> Any:
    """The module ``optuna``, which says what is wrong and no more.

    Raises:
        ImportError: If it is missing.
    """
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise ImportError(
            f"a search needs Optuna (got {error}); install it with: pip install 'gnnclr[search]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def as_record(value: Any) -> str:
    """Settings as a text that can be compared.

    Args:
        value (dict): The settings.
    """
    return json.dumps(value, sort_keys=True, default=str)
