import pytest

from gnnclr.report.find_runs import find_runs, short_names
from gnnclr.report.run_group import group_runs
from gnnclr.train import RecipeError, Run


@pytest.fixture
def unread(monkeypatch):
    """Runs whose settings are not read, which takes half a second each."""
    monkeypatch.setattr(Run, "open", lambda folder: Run(None, folder))


def test_folders_of_runs_and_of_several_runs(digits, compared, unread):
    assert [run.folder for run in find_runs([digits])] == [digits]
    names = [str(run.folder.relative_to(compared)) for run in find_runs([compared])]
    assert names == ["dgi/seed-0", "dgi/seed-1", "grace/seed-0", "grace/seed-1"]
    again = find_runs([compared / "grace", digits, compared / "grace" / "seed-1", digits])
    assert [run.folder.name for run in again] == ["seed-0", "seed-1", "1"]


def test_numbers_are_in_order(tmp_path, unread):
    for name in ("10", "9", "1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").touch()
    assert [run.folder.name for run in find_runs([tmp_path])] == ["1", "9", "10"]


def test_seeds_of_a_recipe_are_together(compared, digits):
    groups = group_runs(find_runs([compared, digits]))
    assert [group.name for group in groups] == ["dgi", "grace", "simclr-knn"]
    assert [len(group.runs) for group in groups] == [2, 2, 1]


def test_names_tell_groups_apart(tmp_path):
    names = ("a/grace/1", "a/grace/2", "b/grace/seeds/seed-0", "b/grace/seeds/seed-1", "b/mine")
    one, two, zero, first, mine = (Run(None, tmp_path / name) for name in names)
    assert short_names([[one], [mine]]) == ["grace", "mine"]
    assert short_names([[one], [two], [zero, first]]) == ["grace 1", "grace 2", "grace seed-0"]
    assert short_names([[one], [one]]) == [str(one.folder)] * 2


def test_other_folders_are_refused_in_one_line(tmp_path, digits):
    (tmp_path / "file").write_text("x")
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "config.yaml").write_text("model: {method: {class_path: gnnclr.node.GRACE}}\n")
    (tmp_path / "empty").mkdir()
    for name, reason in {"file": "a file", "empty": "a folder without config.yaml", "none": "nothing"}.items():
        with pytest.raises(
            RecipeError, match=rf"must be the folder of a run, or of runs \({reason} is there\)"
        ) as error:
            find_runs([digits, tmp_path / name])
        assert "\n" not in str(error.value)
    with pytest.raises(RecipeError, match=r"must hold all settings of a run \(got none of data, trainer, checkpoint\)"):
        find_runs([tmp_path / "cut"])
    with pytest.raises(RecipeError, match=r"'runs' must be folders of runs, at least one \(got none\)"):
        find_runs([])
