import csv
import functools
import shutil
import sys
from pathlib import Path

import forked
import pytest
import torch
import yaml

from gnnclr.cli import main
from gnnclr.eval import linear_probe
from gnnclr.node import sbm
from gnnclr.processes import STOPPED
from gnnclr.train import RecipeError, Run, Seeds, TrainingInterrupted, parse_recipe
from gnnclr.train.parallel import jobs
from gnnclr.train.search import Search
from gnnclr.train.search.search import TRIAL_SEED
from gnnclr.train.search.summary import plain_settings
from gnnclr.train.search.trial_run import TrialRun

SHORT = ["--trainer.max_epochs=2", "--trainer.accelerator=cpu"]
SHORT += [f"--model.method.encoder.{name}_channels=8" for name in ("hidden", "out")]


@pytest.fixture
def graph(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "gnnclr.eval.validation_accuracy.linear_probe", functools.partial(linear_probe, C=[1.0], tol=1e-3)
    )
    data = sbm(120, num_classes=3, num_features=16, signal=0.3)
    torch.save(data, "graph.pt")
    return data


@pytest.fixture
def space(graph):
    tried = {
        "model.optimizer.lr": {"low": 0.001, "high": 0.1, "log": True},
        "model.method.views[1].edge_p": [0.1, 0.4, 0.6],
    }
    Path("space.yaml").write_text(yaml.safe_dump(tried))
    return "space.yaml"


def searched(space=None, dataset="graph.pt", out="out", **options):
    return Search("ccassg", [f"--data.dataset={dataset}", *SHORT], out, space, **options)


def lines(out="out"):
    with open(f"{out}/trials.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_winner_alone_is_tested_over_fresh_seeds(space, monkeypatch):
    tested, evaluate = [], Run._evaluate
    monkeypatch.setattr(
        Run, "_evaluate", lambda run, *args: (tested.append((run.folder.parts[-2:], run)), evaluate(run, *args))[1]
    )
    text = searched(space).evaluate(1, 2)
    rows = lines()
    best = max(rows, key=lambda row: float(row["validation"]))["trial"]
    assert [place for place, _ in tested] == [(f"trial-{best}", f"seed-{seed}") for seed in range(2)]
    assert all(run.recipe.seed_everything < TRIAL_SEED for _, run in tested)
    assert f"Trial {best} is the best by validation" in text and "| trained " in text and "±" in text
    assert Path("out/search.md").read_text() == text + "\n"
    assert yaml.safe_load(Path("out/trials/0/config.yaml").read_text())["seed_everything"] == TRIAL_SEED

    # The file is a recipe with the settings that were tested.
    recipe, winner = parse_recipe("out/best.yaml"), tested[0][1].recipe
    ours, theirs = plain_settings(recipe), plain_settings(winner)
    assert yaml.safe_load(Path("out/best.yaml").read_text())["base"] == "ccassg"
    for settings in (ours, theirs):
        del settings["trainer"]["devices"]
        settings["model"]["method"]["init_args"]["encoder"]["init_args"].pop("in_channels")
    assert ours == theirs

    # A larger budget goes on, and what was tested is not trained again.
    more = searched(space).evaluate(2, 2)
    assert lines()[:1] == rows and len(lines()) == 2
    winner = max(lines(), key=lambda row: float(row["validation"]))["trial"]
    assert len(tested) == (2 if winner == best else 4) and ("earlier winners: trial-" in more) == (winner != best)
    with pytest.raises(RecipeError, match="holds a search with another space"):
        searched().evaluate(1)
    for row in lines():
        assert 0.001 <= float(row["model.optimizer.lr"]) <= 0.1
        views = yaml.safe_load(Path(f"out/trials/{row['trial']}/config.yaml").read_text())["model"]["method"][
            "init_args"
        ]["views"]
        assert str(views[1]["init_args"]["edge_p"]) == row["model.method.views[1].edge_p"]


def test_labels_of_test_nodes_change_no_trial(space, graph, monkeypatch):
    monkeypatch.setattr(Seeds, "evaluate", lambda seeds, count: "")
    other = graph.clone()
    other.y[other.test_mask] = (other.y[other.test_mask] + 1) % 3
    torch.save(other, "other.pt")
    values = {}
    for dataset in ("graph.pt", "other.pt"):
        searched(space, dataset, dataset[:-3]).evaluate(1)
        values[dataset] = [row["validation"] for row in lines(dataset[:-3])]
    assert values["graph.pt"] == values["other.pt"]


def test_a_stop_within_a_trial(space, monkeypatch):
    monkeypatch.setattr(Seeds, "evaluate", lambda seeds, count: "")
    score = TrialRun.score

    def stopped(run):
        if run.folder.name == "1":
            run.train()
            raise TrainingInterrupted(run.checkpoint, 2)
        return score(run)

    monkeypatch.setattr(TrialRun, "score", stopped)
    with pytest.raises(TrainingInterrupted):
        searched(space).evaluate(2)
    resumed, train = [], Run.train
    monkeypatch.setattr(TrialRun, "score", score)
    monkeypatch.setattr(
        Run, "train", lambda run, path=None: (resumed.append((run.folder.name, path)), train(run, path))[1]
    )
    searched(space).evaluate(2)
    assert [folder for folder, _ in resumed] == ["1"]
    assert resumed[0][1] is not None
    searched(space, out="whole").evaluate(2)
    assert [row["validation"] for row in lines()] == [row["validation"] for row in lines("whole")]


def test_trials_that_fail_are_named(graph, monkeypatch):
    monkeypatch.setattr(Seeds, "evaluate", lambda seeds, count: "")
    Path("space.yaml").write_text("model.optimizer.lr: [0.001, 1.0e+30]")
    text = searched("space.yaml").evaluate(9)
    assert len(lines()) == 2  # all there are
    assert "1 of 2 trials ended with a value. Failed: 1 ('views[0]' must be finite" in text
    assert "over 3 fresh seeds, in percent, mean ± standard deviation. No other trial" in text
    assert [bool(row["error"]) for row in lines()] == [False, True]
    monkeypatch.setenv("HOME", str(Path.cwd()))
    assert "over 1 fresh seed, in percent. No other trial" in searched("~/space.yaml").evaluate(9, 1)
    Path("space.yaml").write_text("model.optimizer.lr: [1.0e+30]")
    with pytest.raises(RecipeError, match=r"a trial must end with a value \(got none of 1, .*must be finite"):
        searched("space.yaml", out="bad").evaluate(9)


def test_without_labels(space, graph):
    del graph.y, graph.train_mask, graph.val_mask, graph.test_mask
    torch.save(graph, "bare.pt")
    text = searched(space, "bare.pt").evaluate(1, 2)
    assert "| untrained " in text and "is the best by link AUC" in text and "±" in text
    assert searched(space, "bare.pt").evaluate(1, 2) == text
    with pytest.raises(RecipeError, match="without labels to probe"):
        searched(space, "bare.pt", criterion="validation")


@pytest.fixture
def started(monkeypatch):
    """What the processes of a search were started for; they are forked."""
    tasks = []

    def start(module, task, apart):
        tasks.append(task["do"])
        return forked.ForkedJob(module, task, apart)

    monkeypatch.setattr(jobs, "start_module", start)
    return tasks


def bare(graph):
    del graph.y, graph.train_mask, graph.val_mask, graph.test_mask
    torch.save(graph, "bare.pt")
    return "bare.pt"


def test_trials_at_the_same_time_have_the_values_of_one_after_the_other(graph, started, one_thread, capfd):
    Path("space.yaml").write_text("model.optimizer.lr: [0.001, 0.1]")
    texts = {}
    for out, several in (("one", {}), ("two", {"parallel": 2, "memory_limit": 100.0})):
        texts[out] = searched("space.yaml", bare(graph) if out == "one" else "bare.pt", out).evaluate(9, 2, **several)
    assert texts["one"] == texts["two"] and started == ["trials"] * 2 + ["links"] * 2
    plain, at_once = ([{**row, "seconds": None} for row in lines(out)] for out in ("one", "two"))
    assert plain == at_once
    out, err = capfd.readouterr()
    assert "trial 1: link AUC" in err and "winner seed 1: step 2 of 2" in err
    assert out.count("bare.pt: 120 nodes") == 1 and "bare.pt: 120 nodes" not in err
    assert searched("space.yaml", "bare.pt", "two").evaluate(9, 2, parallel=2) == texts["two"]
    assert len(started) == 4  # what is done is read


def test_the_winner_over_seeds_at_the_same_time(space, started, one_thread, quick_probes):
    one = searched(space, out="one").evaluate(1, 2)
    shutil.copytree("one/trials", "two/trials")
    assert searched(space, out="two").evaluate(1, 2, parallel=2) == one and started == ["run"] * 2


def test_a_stop_of_trials_at_the_same_time(space, graph, started, one_thread, monkeypatch):
    keep, processes = jobs.Jobs._keep_limit, []

    def stop(runs, waiting):
        processes[:] = [running.process for running in runs._running] or processes
        if all(Path(f"out/trials/{number}/metrics.csv").exists() for number in range(2)):
            raise KeyboardInterrupt
        keep(runs, waiting)

    monkeypatch.setattr(jobs.Jobs, "_keep_limit", stop)
    endless = ["--trainer.max_epochs=100000", "--trainer.log_every_n_steps=1"]
    search = Search("ccassg", [f"--data.dataset={bare(graph)}", *SHORT, *endless], "out", space)
    with pytest.raises(KeyboardInterrupt):
        search.evaluate(9, parallel=2)
    assert [process.returncode for process in processes] == [STOPPED] * 2
    assert all(Path(f"out/trials/{number}/checkpoints/last.ckpt").is_file() for number in range(2))
    assert not Path("out/search.md").exists()


@pytest.mark.parametrize(
    ("several", "match"),
    [
        ({"parallel": 0}, r"'parallel' must be a positive integer \(got int 0\)"),
        ({"memory_limit": -1.0}, "'memory_limit' must be a positive number"),
        ({"memory_limit": 0.01}, r"'memory_limit' must be larger for process 1 of the search: alone it had"),
    ],
)
def test_processes_that_cannot_be(space, started, several, match):
    with pytest.raises(ValueError, match=match):
        searched(space).evaluate(1, **several)


@pytest.mark.parametrize(
    "text,override,match",
    [
        ("model.method.los.x: [1]", None, r"space.yaml: unknown field 'model.method.los.x'"),
        ("model.optimizer.lr: [a]", None, r"'model.optimizer.lr' must be .* \(got a\)"),
        (
            "model.method.views[0].edge_p: [0.2, 1.5]",
            None,
            r"'model.method.views\[0\].edge_p' must be .* \(got float 1.5\)",
        ),
        ("model.optimizer.lr: [1]", "--model.optimizer.lr=2", r"'model.optimizer.lr' must not be given as an override"),
        ("model.method.views[0].edge_p: [.1]", "--model.method.views=[]", "views"),
        ("[1]", None, r"'space.yaml' must hold fields and what is tried of each as YAML \(got \[1\]\)"),
        ("model.optimizer.lr: [1]", "--trainer.devices=2", r"'trainer.devices' must be 1 in a search \(got 2\)"),
    ],
)
def test_errors_come_before_any_trial(graph, tmp_path, text, override, match):
    (tmp_path / "space.yaml").write_text(text)
    with pytest.raises(RecipeError, match=match):
        Search("ccassg", ["--data.dataset=graph.pt", *([override] if override else [])], "out", "space.yaml")
    assert not (tmp_path / "out").exists()


def test_the_command(graph, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Seeds, "evaluate", lambda seeds, count: f"the test of {count} seeds")
    command = ["search", "--config", "ccassg", "--data.dataset=graph.pt", *SHORT]
    assert main([*command, "--budget=1", "--seeds=4", "--model.optimizer.lr=0.01"]) == 0
    out = capsys.readouterr().out
    assert "the test of 4 seeds" in out and "gnnclr fit --config runs/ccassg/search/best.yaml" in out
    assert "views[0].edge_p" in out and "optimizer.lr" not in out  # it was given
    for words, match in (
        (["--budget=0", "--out=x"], "'budget' must be"),
        (["--seed_everything=1"], "'--seed_everything' goes with fit"),
        (["--criterion=acc"], "'criterion' must be one of"),
        (["--space=none.yaml"], r"'space' must be a YAML file (got 'none.yaml', which does not exist)"),
    ):
        assert main([*command, *words]) == 2
        assert match in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(command) == 2
    assert "install it with: pip install 'gnnclr[search]'" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_images(tmp_path, monkeypatch):
    monkeypatch.setattr(Seeds, "evaluate", lambda seeds, count: "")
    (tmp_path / "space.yaml").write_text("model.method.loss.temperature: [0.1, 0.5]")
    small = ["--data.batch_size=128", "--data.size=8", "--model.method.encoder.widths=[4,8]", "--trainer.max_steps=2"]
    small += [f"--model.method.projector.{name}_features=8" for name in ("in", "hidden", "out")]
    search = Search("simclr-digits", [*small, "--trainer.accelerator=cpu"], tmp_path / "out", tmp_path / "space.yaml")
    assert "Trial 0 is the best by validation" in search.evaluate(1)
