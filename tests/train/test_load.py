import shutil
import subprocess
import sys

import pytest
import torch

import gnnclr
from gnnclr.configs import RecipeError
from gnnclr.train import Run


def test_what_was_trained_is_loaded_without_its_data(runs, monkeypatch):
    _, method, data, _ = Run.open(runs / "digits").load()
    monkeypatch.setattr("gnnclr.train.ImageData.setup", None)
    backbone = gnnclr.load(str(runs / "digits"))
    assert not backbone.training and backbone.square.channels == data.in_channels == 1
    images = data.images.test.images[:5]
    assert images.shape[-1] == backbone.square.size
    with torch.no_grad():
        assert torch.equal(backbone(images), method.eval()(images))


def test_nothing_is_imported_until_it_is_called():
    code = "import sys, gnnclr; assert 'load' in gnnclr.__all__ and not {'torch', 'numpy'} & {*sys.modules}"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
    with pytest.raises(AttributeError, match="module 'gnnclr' has no attribute 'lod'"):
        gnnclr.lod  # noqa: B018


def test_errors(runs, tmp_path):
    with pytest.raises(RecipeError, match=r"none is not the folder of a run: it has no config\.yaml"):
        gnnclr.load(tmp_path / "none")
    with pytest.raises(RecipeError, match=r"is not the folder of a run: .*; did you mean .*digits' or .*graph'\?"):
        gnnclr.load(runs)
    with pytest.raises(RecipeError, match=r"must be a run on images \(got one of GRACE, on a graph\); `gnnclr embed"):
        gnnclr.load(runs / "graph")
    shutil.copytree(runs / "digits", tmp_path / "cut")
    (tmp_path / "cut" / "checkpoints" / "last.ckpt").unlink()
    with pytest.raises(RecipeError, match=r"cut has no checkpoint checkpoints/last\.ckpt"):
        gnnclr.load(tmp_path / "cut")
