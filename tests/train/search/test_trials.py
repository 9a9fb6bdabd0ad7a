import os

import pytest

from gnnclr.configs import RecipeError
from gnnclr.train.run_folder import claim_folder
from gnnclr.train.search import Space
from gnnclr.train.search.trials import Trials, import_optuna

SPACE = Space({"a": {"low": 0, "high": 9}, "b": ["x", None]}, {"a": 3, "b": None})
RECORD = {"recipe": "one", "space": "two"}


def drain(trials, budget, most=99):
    """Does trials, and returns their numbers, folders and values."""
    found = []
    while len(found) < most:
        with trials.next(budget) as one:
            if one is None:
                break
            trial, folder = one
            found.append((trial.number, folder.name, trial.params))
            trials.finish(trial, float(trial.params["a"]), seconds=0.0)
    return found


def test_a_budget_is_used_once(tmp_path):
    first = drain(Trials(tmp_path / "one", SPACE, RECORD), 4)
    assert [number for number, _, _ in first] == [0, 1, 2, 3]
    assert first[0][2] == {"a": 3, "b": None}  # the recipe's own
    again = Trials(tmp_path / "one", SPACE, RECORD)
    assert drain(again, 4) == [] and drain(again, 2) == []
    rest = drain(again, 12)
    values = [chosen["a"] for _, _, chosen in first + rest]
    assert len(rest) == 8 and again.complete[0].value == max(values)
    # What is drawn depends on the trials before, and not on the process.
    assert drain(Trials(tmp_path / "two", SPACE, RECORD), 12) == first + rest


def test_a_small_space_is_tried_whole(tmp_path):
    space = Space({"b": ["x", None, "y"], "c": [0, 0.5]}, {"b": None, "c": 0.5})
    trials, found = Trials(tmp_path, space, RECORD), []
    while len(found) < 9:
        with trials.next(50) as one:
            if one is None:
                break
            found.append(tuple(one[0].params.values()))
            trials.finish(one[0], 0.0, seconds=0.0)
    assert sorted(map(str, found)) == sorted(str((b, c)) for b in ("x", None, "y") for c in (0, 0.5))


def test_another_search_is_refused(tmp_path):
    Trials(tmp_path, SPACE, RECORD)
    with pytest.raises(RecipeError, match="holds a search with another space; give another --out"):
        Trials(tmp_path, SPACE, RECORD | {"space": "three"})


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process that can be left")
def test_a_trial_that_was_killed_goes_on_in_its_folder(tmp_path):
    import_optuna()
    child = os.fork()
    if child == 0:
        with Trials(tmp_path / "out", SPACE, RECORD).next(3) as (trial, folder):
            (folder / "checkpoint").write_text(str(trial.params["a"]))
            os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    trials = Trials(tmp_path / "out", SPACE, RECORD)
    found = drain(trials, 3)
    assert [folder for _, folder, _ in found] == ["0", "2", "3"] and len(trials.done) == 3
    assert (tmp_path / "out" / "0" / "checkpoint").read_text() == str(found[0][2]["a"])


def test_a_trial_of_another_process_is_left_to_it(tmp_path):
    one, other = (Trials(tmp_path, SPACE, RECORD) for _ in range(2))
    with one.next(3) as (trial, _):
        assert len(drain(other, 3, most=2)) == 2  # and the third is running
        one.finish(trial, 0.0, seconds=0.0)
        with pytest.raises(RecipeError, match="in use by another process"), claim_folder(tmp_path / "0"):
            pass
    assert drain(other, 3) == [] and len(other.done) == 3


def test_failed_trials_count(tmp_path):
    trials = Trials(tmp_path, SPACE, RECORD)
    with trials.next(2) as (trial, _):
        trials.finish(trial, None, seconds=0.0, error="the loss must stay finite")
    assert len(drain(trials, 2)) == 1 and [x.number for x in trials.failed] == [0] and len(trials.complete) == 1
