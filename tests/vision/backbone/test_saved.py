"""Encoders of runs as folders, and on the Hub, of which only the part without a network is tested."""

import json
import sys
from pathlib import Path

import pytest
import torch
from probes import make_quick
from torch import nn

import gnnclr
from gnnclr.train import Run, parse_recipe
from gnnclr.vision import Backbone, CentralSquare
from gnnclr.vision.backbone.saved import read_backbone, save_backbone

pytest.importorskip("safetensors", reason="needs the extra 'hub'")


class OwnEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 8)
        self.out_features = 8

    def forward(self, images):
        return self.linear(images.flatten(1))


def small_run(folder, *options):
    small = ["--trainer.accelerator=cpu", "--trainer.max_epochs=1", "--data.batch_size=512", "--data.size=8"]
    small += ["--model.method.projector.in_features=8", *options]
    return Run(parse_recipe("simclr-digits", small), folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "secret-place"
    with pytest.MonkeyPatch.context() as patch:
        make_quick(patch)
        small_run(folder, "--model.method.encoder.widths=[4,8]").fit()
    return folder


@pytest.fixture
def images():
    return torch.randint(0, 256, (3, 1, 20, 30), dtype=torch.uint8)


def test_a_folder_is_the_encoder_and_a_card(run, images, tmp_path):
    backbone = gnnclr.load(run)
    folder = save_backbone(backbone, tmp_path / "encoder")
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    loaded = gnnclr.load(folder)
    assert not loaded.training and loaded.preprocessing() == backbone.preprocessing()
    with torch.no_grad():
        assert torch.equal(loaded(images), backbone(images))
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: gnnclr\n") and "# SlimResNet, trained by SimCLR" in card
    for text in ("- data: digits", "- loss: NTXentLoss", "- epochs: 1", "| trained ", "## Limits", "- size: 8"):
        assert text in card, text
    assert not any("secret-place" in path.read_text(errors="replace") for path in folder.iterdir())
    again = save_backbone(loaded, tmp_path / "again")  # what was known of the training is still known
    assert (again / "README.md").read_text() == card


def test_the_hub_without_a_network(run, images, tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub", reason="needs the extra 'hub'")
    backbone = gnnclr.load(run)
    backbone.save_pretrained(tmp_path / "encoder")
    sent = {}

    class Api:
        def __init__(self, **options):
            pass

        def create_repo(self, repo_id, **options):
            return type("Repo", (), {"repo_id": repo_id})()

        def upload_folder(self, repo_id, folder_path, **options):
            sent.update({path.name: path.read_bytes() for path in Path(folder_path).iterdir()})
            return f"https://huggingface.co/{repo_id}"

    monkeypatch.setattr(hub.hub_mixin, "HfApi", Api)
    assert backbone.push_to_hub("user/encoder") == "https://huggingface.co/user/encoder"
    assert set(sent) == {"README.md", "config.json", "model.safetensors"}
    assert all(sent[name] == (tmp_path / "encoder" / name).read_bytes() for name in ("README.md", "config.json"))

    loaded = Backbone.from_pretrained(tmp_path / "encoder")
    with torch.no_grad():
        assert torch.equal(loaded(images), backbone(images))
    monkeypatch.setattr(hub.hub_mixin, "hf_hub_download", lambda filename, **_: str(tmp_path / "encoder" / filename))
    got = {}
    monkeypatch.setattr(
        sys.modules["gnnclr.vision.backbone.hub"],
        "snapshot_download",
        lambda name, **options: got.update(options, name=name) or str(tmp_path / "encoder"),
    )
    assert isinstance(Backbone.from_pretrained("user/encoder", revision="v1"), hub.ModelHubMixin)
    assert got["name"] == "user/encoder" and got["revision"] == "v1"


def test_an_encoder_of_ones_own_is_given(images, tmp_path):
    small_run(tmp_path / "run", f"--model.method.encoder={__name__}.OwnEncoder").train()
    backbone = gnnclr.load(tmp_path / "run")
    folder = save_backbone(backbone, tmp_path / "encoder")
    with pytest.raises(ValueError, match=r"must name an encoder of gnnclr\.vision \(got '.*OwnEncoder'\): make that"):
        gnnclr.load(folder)
    with torch.no_grad():
        assert torch.equal(read_backbone(folder, OwnEncoder())(images), backbone(images))


def test_nothing_else_is_called(run, tmp_path):
    folder = save_backbone(gnnclr.load(run), tmp_path / "encoder")
    config = json.loads((folder / "config.json").read_text())
    for path in (
        "gnnclr.vision.backbone.backbone.os.system",
        "os.system",
        "evil.image_encoder",
        "gnnclr.vision.digits",
    ):
        config["encoder"]["class_path"] = path
        (folder / "config.json").write_text(json.dumps(config))
        with pytest.raises(ValueError, match=r"must name an encoder of gnnclr\.vision"):
            gnnclr.load(folder)


def test_errors(run, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="'backbone' must be that of a run with one encoder"):
        save_backbone(Backbone(nn.Identity(), CentralSquare(8)), tmp_path / "none")
    folder = save_backbone(gnnclr.load(run), tmp_path / "encoder")
    (folder / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json' must be the undamaged settings of an encoder"):
        gnnclr.load(folder)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"the Hugging Face Hub needs the package .*'gnnclr\[hub\]'"):
        gnnclr.load(run).push_to_hub("user/encoder")
    assert not (tmp_path / "none").exists()
