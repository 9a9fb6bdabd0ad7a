"""The width of an encoder is found, and written into the settings of a run."""

import shutil

import pytest
import torch
from photo_files import photo_folder
from torch import nn

import gnnclr
from gnnclr.train import Run, parse_recipe
from gnnclr.vision import image_encoder

SMALL = ["--trainer.accelerator=cpu", "--trainer.max_epochs=1", "--data.workers=0", "--data.batch_size=8"]
SMALL += ["--data.size=16", "--model.method.views.size=16", "--trainer.log_every_n_steps=1"]
ENCODER = "--model.method.encoder"


class OwnEncoder(nn.Module):
    """Declares no width, and has a constant that is on no device meta."""

    constant = torch.ones(1)

    def __init__(self, width: int = 5):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)

    def forward(self, images):
        return self.conv(images).amax(dim=(2, 3)) * self.constant


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.setenv("GNNCLR_CACHE", str(tmp_path / "cache"))
    photo_folder(tmp_path / "photos", 24, kinds=False)
    return [*SMALL, f"--data.root={tmp_path / 'photos'}"]


def build(options, folder):
    run = Run(parse_recipe("simclr-folder", options), folder)
    return run.build().model.method, run.recipe.model.method.init_args


@pytest.mark.parametrize(
    ("options", "width"),
    [
        ([f"{ENCODER}.name=vit_ti_8"], 192),
        ([f"{ENCODER}.name=squeezenet1_1"], 512),
        ([f"{ENCODER}={__name__}.OwnEncoder"], 5),
        ([f"{ENCODER}={__name__}.OwnEncoder", f"{ENCODER}.width=7"], 7),
    ],
)
def test_the_projector_takes_what_the_encoder_gives(options, width, photos, tmp_path):
    method, arguments = build([*photos, *options], tmp_path / "run")
    assert method.projector.in_features == arguments.projector.init_args.in_features == width
    if "vit" in options[0]:
        assert method.encoder.image_size == arguments.encoder.init_args.image_size == 16


def test_an_encoder_that_gives_no_rows(photos, tmp_path):
    message = r"'model\.method\.encoder' must map images to features of shape \[b, d\] \(got tensor of shape \[2, 3, 16"
    with pytest.raises(ValueError, match=message) as error:
        Run(parse_recipe("simclr-folder", [*photos, f"{ENCODER}=torch.nn.Identity"]), tmp_path / "run").fit()
    assert "\n" not in str(error.value)


def test_pretrained_weights_are_needed_once(photos, tmp_path):
    """What training begins with is in a file, and the encoder of the run is loaded without it."""
    name = "shufflenet_v2_x0_5"
    pretrained = image_encoder(name)
    torch.save(pretrained.state_dict(), tmp_path / "weights.pt")
    options = [f"{ENCODER}.name={name}", f"{ENCODER}.weights={tmp_path / 'weights.pt'}"]
    run = Run(parse_recipe("simclr-folder", [*photos, *options]), tmp_path / "run")
    trained = run.train()
    key = "conv5.0.weight"
    assert torch.equal(trained.untrained.encoder.state_dict()[key], pretrained.state_dict()[key])
    (tmp_path / "weights.pt").unlink()
    shutil.rmtree(tmp_path / "photos")
    backbone = gnnclr.load(tmp_path / "run")
    assert torch.equal(backbone.encoder.state_dict()[key], trained.method.encoder.state_dict()[key])
    assert not torch.equal(backbone.encoder.state_dict()[key], pretrained.state_dict()[key])
