import json
import shutil

import pytest
import torch
from photo_files import photo_folder
from torch import nn

from gnnclr.cli import main
from gnnclr.configs import RecipeError
from gnnclr.eval import knn_probe, linear_probe
from gnnclr.train import ImageData, PhotoData, Run
from gnnclr.train.transfer import OutOfDomain, Pixels, out_of_domain, shape_texture_conflict
from gnnclr.train.transfer import out_of_domain as function
from gnnclr.vision import CentralSquare, corrupt

module = __import__("sys").modules[function.__module__]


@pytest.fixture
def run(runs, tmp_path):
    shutil.copytree(runs / "digits", tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def quick(monkeypatch):
    def linear(x, y, split, device):
        return linear_probe(x, y, split, scalings=("normalize",), C=(1.0,), tol=1e-3)

    monkeypatch.setattr(module, "linear_of_any_size", linear)


@pytest.fixture(scope="module")
def data():
    made = ImageData("digits")
    made.setup("evaluate")
    return made


def test_probes_are_those_of_clean_images(data, quick):
    found = out_of_domain({"raw": Pixels()}, data, 1000)["raw"]
    raw = data.baselines()["raw"]()
    knn = knn_probe(raw, data.labels, data.split)
    assert found["kNN"][1]["clean"] == pytest.approx(knn.test) and found["kNN"][0].val == pytest.approx(knn.val)
    assert found["kNN"][0].settings == knn.settings and found["linear"][1]["clean"] > 0.9
    # A corruption, by the classifier of the clean images.
    head, test = found["linear"][0].head, data.split.test
    changed = corrupt(data.inputs(test), "contrast", 4).flatten(1)
    expected = float((head.predict(changed) == data.labels[test]).double().mean())
    assert found["linear"][1]["contrast 4"] == pytest.approx(expected)
    # Means, shares of decisions.
    for _, measures in found.values():
        each = [value for name, value in measures.items() if name.split()[-1].isdigit()]
        assert len(each) == 30 and measures["corrupted, mean"] == pytest.approx(sum(each) / 30)
        assert measures["by shape"] + measures["by texture"] <= 1 and measures["by shape"] > 0.3


class Blind(nn.Module):
    """Tells nothing of an image but the gray of its first pixel."""

    def forward(self, images):
        return images[:, 0, :1, :1].flatten(1)


def test_test_images_are_the_same_for_all_methods(data, quick):
    found = out_of_domain({"raw": Pixels(), "blind": Blind()}, data, 40)
    alone = out_of_domain({"raw": Pixels()}, data, 40)
    assert {k: v[1] for k, v in found["raw"].items()} == {k: v[1] for k, v in alone["raw"].items()}
    assert found["blind"]["kNN"][1]["corrupted, mean"] < 0.3 < found["raw"]["kNN"][1]["corrupted, mean"]


def test_shape_and_texture_are_of_two_classes(data):
    images, labels = data.inputs(data.split.test[:60]), data.labels[data.split.test[:60]]
    found = shape_texture_conflict(images, labels)
    assert sorted(found.shape.tolist()) == sorted(found.texture.tolist()) == list(range(60))
    assert bool((labels[found.shape] != labels[found.texture]).all())
    assert torch.equal(found.images, shape_texture_conflict(images, labels).images)
    for image, texture in zip(found.images, images[found.texture]):
        assert set(image.flatten().tolist()) <= set(texture.flatten().tolist())
    near = (found.images - images[found.shape]).square().mean()
    assert near < (found.images - images[found.texture]).square().mean()
    # Most images are of one class: the others are as many as can be paired.
    some = shape_texture_conflict(images[:5], torch.tensor([0, 0, 0, 0, 1]))
    assert len(some.images) == 2 and len(shape_texture_conflict(images[:3], torch.zeros(3).long()).images) == 0


def test_photos(tmp_path, monkeypatch, quick):
    monkeypatch.setenv("GNNCLR_CACHE", str(tmp_path / "cache"))
    photo_folder(tmp_path / "photos", 40, ("a", "b"), kinds=False)
    photos = PhotoData(str(tmp_path / "photos"), workers=0)
    photos.square = CentralSquare(16)
    photos.setup("evaluate")
    measures = out_of_domain({"raw": Pixels()}, photos)["raw"]["linear"][1]
    assert len([name for name in measures if name.split()[-1].isdigit()]) == 35  # colored ones have a seventh
    assert all(0 <= value <= 1 for value in measures.values())


def test_large_images_are_averaged():
    assert Pixels()(torch.rand(2, 3, 64, 16)).shape == (2, 3 * 32 * 16)
    x = torch.rand(2, 1, 8, 9)
    assert torch.equal(Pixels()(x), x.flatten(1))
    with pytest.raises(ValueError, match="'side' must be a positive integer"):
        Pixels(0)


def test_the_command(run, quick, capsys):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert main(["evaluate", "--run", str(run), "--corruptions", "50"]) == 0
    printed = capsys.readouterr().out
    for word in (
        "raw kNN",
        "trained linear",
        "noise 1",
        "pixelate 5",
        "corrupted, mean",
        "by shape",
        "on 50 test images",
    ):
        assert word in printed
    assert {path: path.read_bytes() for path in before} == before
    result = json.loads((run / "evaluations" / "corruptions.json").read_text())
    assert list(result["test"]) == ["raw", "untrained", "trained"] and result["images"] == 50
    assert len(result["test"]["trained"]["kNN"]) == 34 and "k" in result["settings"]["trained"]["kNN"]
    assert 0 <= result["validation"]["trained"]["linear"] <= 1


def test_errors(runs, run, capsys):
    with pytest.raises(ValueError, match="'corruptions' must be a positive integer"):
        OutOfDomain(Run.open(run), 0)
    with pytest.raises(RecipeError, match=r"must be a run on images \(got one on NodeData\)"):
        OutOfDomain(Run.open(runs / "graph")).evaluate()
    cases = (
        (["--config", "simclr-digits", "--corruptions"], "'--corruptions' goes with --run FOLDER (got 1000)"),
        (
            ["--run", str(run), "--corruptions", "--data.dataset=digits"],
            "'--corruptions' goes with the data of the run",
        ),
        (["--run", str(run), "--corruptions", "--finetune", "2"], "'--finetune' goes with"),
    )
    for words, message in cases:
        assert main(["evaluate", *words]) == 2
        assert message in capsys.readouterr().err
