import json
import shutil

import pytest
from photo_files import photo_folder

from gnnclr.cli import main
from gnnclr.configs import RecipeError
from gnnclr.eval import linear_probe, retrieval
from gnnclr.train import PhotoData, Run
from gnnclr.train.load import backbone_of
from gnnclr.train.transfer import Transfer
from gnnclr.train.transfer import transfer as module

COLUMNS = ["kNN", "linear", "1 % labels", "10 % labels", "mAP", "R@1", "R@5", "R@10"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos") / "other"
    photo_folder(root, 60, ("a", "b", "c"), kinds=False)
    return root


@pytest.fixture
def run(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("GNNCLR_CACHE", str(tmp_path / "cache"))
    shutil.copytree(runs / "digits", tmp_path / "run")
    return tmp_path / "run"


def words(root):
    return ["--data.dataset=folder", f"--data.root={root}", "--data.workers=0"]


@pytest.fixture
def quick(monkeypatch):
    """Probes with one setting: what is tested is who sees what."""

    def linear(x, y, split, device):
        return linear_probe(x.flatten(1), y, split, C=(1.0,), tol=1e-3)

    monkeypatch.setattr(module, "linear_of_any_size", linear)
    monkeypatch.setattr(module, "DRAWS", 2)


def test_colored_photos_by_a_run_on_grey_digits(run, photos, quick, capsys):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert main(["evaluate", "--run", str(run), *words(photos), "--finetune", "1"]) == 0
    printed = capsys.readouterr().out
    assert "48 training, 6 validation and 6 test images of 3 classes; 1 % labels are 3, 10 % labels are 6" in printed
    assert {path: path.read_bytes() for path in before} == before
    result = json.loads((run / "evaluations" / "other.json").read_text())
    assert list(result["test"]) == ["raw", "untrained", "trained"]
    assert list(result["test"]["raw"]) == COLUMNS
    assert list(result["test"]["trained"]) == [*COLUMNS, "fine-tuned"]
    assert len(result["test"]["trained"]["1 % labels"]) == 2 and len(result["validation"]["raw"]["10 % labels"]) == 2
    assert result["settings"]["trained"]["fine-tuned"]["epochs"] == 1

    # The numbers are those of the encoder that is loaded, on photos as it sees them.
    backbone = backbone_of(Run.open(run))
    data = PhotoData(str(photos), workers=0)
    data.square = backbone.square
    data.setup("evaluate")
    z = data.embed(backbone)
    found = retrieval(z, data.labels, data.split)
    assert result["test"]["trained"]["mAP"] == pytest.approx(found.mean_average_precision)
    assert result["test"]["trained"]["linear"] == linear_probe(z, data.labels, data.split, C=(1.0,), tol=1e-3).test


def test_other_folders_of_one_name_and_other_data(run, photos, quick, tmp_path):
    first = Transfer(Run.open(run), words(photos)).evaluate()
    assert Transfer(Run.open(run), words(photos)).evaluate()["path"] == first["path"]
    shutil.copytree(photos, tmp_path / "elsewhere" / "other")
    second = Transfer(Run.open(run), words(tmp_path / "elsewhere" / "other")).evaluate()
    assert second["path"].endswith("other-2.json") and second["test"] == first["test"]


def test_data_in_memory(run, quick):
    result = Transfer(Run.open(run), ["--data.dataset=digits"]).evaluate()
    assert result["path"].endswith("digits.json") and result["data"]["classes"] == 10
    assert result["test"]["raw"]["kNN"] > 0.7


def test_errors(runs, run, photos, tmp_path, capsys):
    photo_folder(tmp_path / "bare", 6, kinds=False)
    with pytest.raises(ValueError, match=r"'data\.root' must hold images of several classes, .*got 'bare' without"):
        Transfer(Run.open(run), words(tmp_path / "bare")).evaluate()
    with pytest.raises(RecipeError, match=r"only fields of 'data' go with --run and --data\.dataset \(got '--m"):
        Transfer(Run.open(run), [*words(photos), "--model.x=1"])
    with pytest.raises(RecipeError, match=r"'data\.size' must not be given: it is that of the run"):
        Transfer(Run.open(run), [*words(photos), "--data.size=8"])
    with pytest.raises(RecipeError, match=r"unknown field 'rot'; did you mean '--data\.root'"):
        Transfer(Run.open(run), ["--data.dataset=folder", "--data.rot=x"])
    with pytest.raises(RecipeError, match=r"must be a run on images \(got one of GRACE, on a graph\)"):
        Transfer(Run.open(runs / "graph"), words(photos)).evaluate()
    assert not (run / "evaluations").exists()
    assert main(["evaluate", "--run", str(run), "--finetune", "3"]) == 2
    assert "'--finetune' goes with --run FOLDER --data.dataset=NAME (got 3)" in capsys.readouterr().err
