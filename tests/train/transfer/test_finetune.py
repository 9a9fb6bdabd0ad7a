import pytest
import torch
from photo_files import photo_folder
from torch import nn

from gnnclr.train import ImageData, PhotoData
from gnnclr.train.transfer import finetune
from gnnclr.vision import Backbone, CentralSquare, SlimResNet


@pytest.fixture
def backbone():
    torch.manual_seed(0)
    return Backbone(nn.Sequential(SlimResNet((8, 16), in_channels=1), nn.Flatten()), CentralSquare(8, 1.0, 1))


def test_the_network_learns_and_the_encoder_stays(backbone):
    data = ImageData("digits", labels=True, batch_size=128)
    data.setup("evaluate")
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    state = torch.get_rng_state()
    found = finetune(backbone, data, 4, lrs=(0.00001, 0.01))
    assert found.settings == {"lr": 0.01, "epochs": 4} and found.test > 0.25  # chance is a tenth
    assert len(found.predicted) == len(data.split.test)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())
    again = finetune(backbone, data, 4, lrs=(0.01,))
    assert again.test == found.test and torch.equal(again.predicted, found.predicted)


def test_photos(backbone, tmp_path, monkeypatch):
    monkeypatch.setenv("GNNCLR_CACHE", str(tmp_path / "cache"))
    photo_folder(tmp_path / "photos", 20, ("a", "b"), kinds=False)
    data = PhotoData(str(tmp_path / "photos"), labels=True, workers=0, batch_size=4)
    data.square = backbone.square
    data.setup("evaluate")
    found = finetune(backbone, data, 1, lrs=(0.001,))
    assert 0 <= found.test <= 1 and 0 <= found.val <= 1


def test_errors(backbone):
    data = ImageData("digits", labels=True)
    data.setup("evaluate")
    with pytest.raises(ValueError, match="'epochs' must be a positive integer"):
        finetune(backbone, data, 0)
    with pytest.raises(ValueError, match="'lrs' must not be empty"):
        finetune(backbone, data, 1, lrs=())
