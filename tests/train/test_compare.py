import csv
import json
import re
import shutil
import statistics
import sys

import forked
import pytest
import torch

from gnnclr.cli import main
from gnnclr.eval import paired_difference
from gnnclr.node import sbm
from gnnclr.train import Comparison, RecipeError, Run
from gnnclr.train.compare import baseline_scores
from gnnclr.train.parallel import jobs

#: What two runs of the same settings differ in.
COST = ("seconds", "memory_gb")
SHORT = ["--trainer.max_epochs=1", "--trainer.accelerator=cpu"]
SHORT += [f"--model.method.encoder.{name}_channels=8" for name in ("hidden", "out")]


@pytest.fixture
def dataset(tmp_path):
    data = sbm(120, num_classes=3, num_features=16, signal=0.3)
    data.edge_weight = torch.ones(data.num_edges)
    torch.save(data, tmp_path / "graph.pt")
    return f"--data.dataset={tmp_path / 'graph.pt'}"


def place(run):
    return "/".join(run.folder.parts[-2:])


def test_the_table(dataset, tmp_path, monkeypatch):
    done, fit = [], Run.fit
    monkeypatch.setattr(Run, "fit", lambda run, path=None: (done.append(place(run)), fit(run, path))[1])
    compare = Comparison(["ccassg", "gbt"], [dataset, *SHORT], tmp_path / "out")
    Run(compare.seeds["gbt"].run(1).recipe, compare.seeds["gbt"].folder / "seed-1").fit()
    table = compare.evaluate(2)
    assert done == ["gbt/seed-1", "ccassg/seed-0", "ccassg/seed-1", "gbt/seed-0"]
    rows = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in table.splitlines()}
    assert list(rows)[2:] == ["raw", "A²X", "raw of gbt", "A²X of gbt", "ccassg", "gbt"]
    assert rows["test, %"] == ["linear", "kNN", "seconds", "GB", "linear − ccassg", "kNN − ccassg"]
    lines = list(csv.DictReader((tmp_path / "out" / "comparison.csv").open()))
    assert len(lines) == 2 * 2 * 4 * 2
    scores = {
        name: [100 * float(x["test"]) for x in lines if (x["config"], x["row"], x["probe"]) == (name, "trained", "kNN")]
        for name in ("ccassg", "gbt")
    }
    mean, deviation = map(float, rows["gbt"][1].split(" ± "))
    assert mean == pytest.approx(statistics.fmean(scores["gbt"]), abs=0.05)
    assert deviation == pytest.approx(statistics.stdev(scores["gbt"]), abs=0.05)
    found = paired_difference(scores["gbt"], scores["ccassg"])
    assert list(map(float, re.findall(r"[+-]?\d+\.\d", rows["gbt"][5]))) == pytest.approx(
        [found.mean, found.mean - found.half, found.mean + found.half], abs=0.051
    )
    assert (tmp_path / "out" / "comparison.md").read_text().startswith(table)
    assert json.loads((tmp_path / "out" / "comparison.json").read_text())["configs"] == ["ccassg", "gbt"]
    command = json.loads((tmp_path / "out" / "comparison.json").read_text())["command"]
    assert command.startswith(f"gnnclr compare --configs ccassg,gbt {dataset} --trainer.max_epochs=1 ")
    assert command.endswith(f" --seeds 2 --out {tmp_path / 'out'}")
    done.clear()
    assert compare.evaluate(2) == table and done == []  # what is finished is read
    with pytest.raises(RecipeError, match="holds a run with other settings"):
        Comparison(["ccassg"], [dataset, *SHORT, "--model.optimizer.lr=0.5"], tmp_path / "out").evaluate(1)


def test_features_of_ones_own_are_rows_of_their_own():
    def runs(raw):
        return [{"test": {"raw": {"kNN": raw}, "A²X": {"kNN": 0.5}, "untrained": {}, "trained": {}}}] * 2

    found = baseline_scores({"a": runs(0.1), "b": runs(0.1), "c": runs(0.2), "d": runs(0.2)})
    assert found == {"raw": {"kNN": [0.1, 0.1]}, "A²X": {"kNN": [0.5, 0.5]}, "raw of c": {"kNN": [0.2, 0.2]}}


def test_measures_of_a_method_alone_have_no_difference(tmp_path):
    compare = Comparison(["simclr-digits", "a-info-nce-digits"], [], tmp_path / "out")
    plain = {"linear": 0.7, "kNN": 0.6}
    runs = {
        "simclr-digits": {"raw": plain, "untrained": plain, "trained": plain},
        "a-info-nce-digits": {"raw": plain, "untrained": plain, "trained": plain | {"robust": 0.4}},
    }
    results = {
        name: [{"test": test, "validation": test, "seed": 0, "seconds": 1.0, "steps": 5}] for name, test in runs.items()
    }
    head, _, *rows = compare._write(results, 1).splitlines()
    cells = [cell.strip() for cell in head.split("|")[1:-1]]
    assert "robust" in cells and not any(cell.startswith("robust −") for cell in cells)
    at = cells.index("robust")
    values = {line.split("|")[1].strip(): line.split("|")[at + 1].strip() for line in rows}
    assert values["a-info-nce-digits"] == "40.0" and values["simclr-digits"] == "–"


def test_nothing_is_trained_before_all_recipes_are_read(dataset, tmp_path):
    for configs, overrides, match in (
        (["ccassg", "graec"], [dataset], "graec"),
        (["ccassg", "ccassg"], [dataset], "'configs' must be different recipes"),
        ([], [dataset], r"'configs' must be different recipes, at least one \(got none\)"),
        (["ccassg", "gbt"], [dataset, "--model.method.projectr=1"], "ccassg: .*projectr"),
        (["ccassg", "gbt"], [], "'data.dataset' must be given"),
        (["ccassg", "simclr"], [dataset], r"^simclr: 'data\.dataset' must be one of 'digits', .*graph\.pt'\)$"),
    ):
        with pytest.raises(RecipeError, match=match):
            Comparison(configs, overrides, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command(dataset, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "--configs", "ccassg, gbt", dataset, "--seeds=1", "--seed_everything=3"]) == 2
    assert "'--seed_everything' goes with fit" in capsys.readouterr().err
    assert main(["compare", "--configs", "ccassg", dataset, "--seeds=1", *SHORT]) == 0
    out = capsys.readouterr().out
    assert "| ccassg " in out and "One seed. Seconds are those of the training" in out
    assert "All is in runs/comparison\n" in out and out.count("graph.pt: 120 nodes") == 1
    assert out.rstrip().endswith("The page with plots is runs/comparison/comparison.html")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["compare", "--configs", "ccassg", dataset, "--seeds=1", *SHORT]) == 0
    assert "There is no page with plots: " in capsys.readouterr().out


def test_runs_at_the_same_time_have_the_results_of_one_after_the_other(dataset, tmp_path, one_thread, monkeypatch):
    """And a run that was begun before goes on."""
    monkeypatch.setattr(jobs, "start_module", forked.ForkedJob)
    serial, at_once = (Comparison(["ccassg", "gbt"], [dataset, *SHORT], tmp_path / name) for name in ("one", "two"))
    serial.evaluate(1)
    finished = shutil.copytree(tmp_path / "one" / "gbt", tmp_path / "two" / "gbt")
    (finished / "seed-0" / "metrics.json").unlink()  # trained, and killed while it was evaluated
    at_once.evaluate(1, parallel=2, memory_limit=100)
    results = [json.loads((tmp_path / name / "comparison.json").read_text())["results"] for name in ("one", "two")]
    for name in ("ccassg", "gbt"):
        one, two = ({k: v for k, v in found[name][0].items() if k not in COST} for found in results)
        assert one == two
        assert 0.1 < results[1][name][0]["memory_gb"] < 10
        assert not (at_once.folder / name / "seed-0" / ".lock").exists()


def test_a_launcher_starts_no_further_runs(dataset, tmp_path, monkeypatch):
    compare = Comparison(["ccassg"], [dataset, *SHORT], tmp_path / "out")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RecipeError, match=r"'parallel' must be 1 under a launcher, .*\(got 2\)$"):
        compare.evaluate(1, parallel=2)


def test_a_stop_of_runs_at_the_same_time_is_said(dataset, monkeypatch, capsys):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(Comparison, "evaluate", stop)
    command = ["compare", "--configs", "ccassg", dataset, *SHORT]
    assert main([*command, "--parallel=2"]) == 130
    assert "The same command goes on where it was." in capsys.readouterr().err
    assert main(command) == 130
    assert capsys.readouterr().err == "gnnclr: stopped\n"
