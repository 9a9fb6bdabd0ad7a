import csv
import json

import pytest

from gnnclr.train import RecipeError, Run, Seeds, parse_recipe


def test_trains_missing_seeds_and_writes_the_table(small_graph, tmp_path, monkeypatch):
    small_graph.trainer.max_epochs = 1
    seeds = Seeds(small_graph, tmp_path)
    seeds.run(0).fit()
    fitted = []
    fit = Run.fit
    monkeypatch.setattr(Run, "fit", lambda run, path=None: (fitted.append(run.folder.name), fit(run, path))[1])
    table = seeds.evaluate(2)
    assert fitted == ["seed-1"]
    assert "±" in table and table == (tmp_path / "evaluation.md").read_text().rstrip("\n")
    summary = json.loads((tmp_path / "evaluation.json").read_text())
    assert summary["seeds"] == [0, 1] and len(summary["test"]["trained"]["linear"]) == 2
    rows = list(csv.DictReader((tmp_path / "evaluation.csv").open()))
    assert len(rows) == 4 * 2 * 2 and {row["seed"] for row in rows} == {"0", "1"}


def test_refuses_runs_with_other_settings(small_graph, tmp_path):
    run = Seeds(small_graph, tmp_path).run(0)
    run.folder.mkdir(parents=True)
    (run.folder / "config.yaml").write_text(run.settings())
    Seeds(small_graph, tmp_path).run(0)
    small_graph.trainer.max_epochs = 99
    with pytest.raises(RecipeError, match="holds a run with other settings"):
        Seeds(small_graph, tmp_path).run(0)


def test_settings_that_data_do_not_take_are_named(tmp_path):
    recipe = parse_recipe("simclr-digits")
    recipe.data.init_args.dataset = "digit"
    for call in (lambda seeds: seeds.run(0), lambda seeds: seeds.check_data()):
        with pytest.raises(RecipeError, match=r"^'data\.dataset' must be one of 'digits'.*\(got 'digit'\)$"):
            call(Seeds(recipe, tmp_path))


def test_refuses_no_seeds(small_graph, tmp_path):
    with pytest.raises(RecipeError, match=r"'seeds' must be at least 1 \(got 0\)"):
        Seeds(small_graph, tmp_path).evaluate(0)
