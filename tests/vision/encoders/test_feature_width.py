import pytest
import torch
from torch import nn

from gnnclr.vision import SlimResNet
from gnnclr.vision.encoders.feature_width import feature_width


class NeedsValues(nn.Module):
    def forward(self, images):
        return images.flatten(1)[:, : 3 + int(images.sum())]


def test_what_is_declared_and_what_is_found():
    state = torch.get_rng_state()
    assert feature_width(lambda: SlimResNet((4, 8)), None, None) == 8
    assert feature_width(lambda: nn.Sequential(nn.Conv2d(3, 5, 2), nn.Flatten()), 3, 4) == 5 * 9
    assert feature_width(NeedsValues, 3, 4) == 3
    assert torch.equal(torch.get_rng_state(), state)


def test_errors():
    with pytest.raises(ValueError, match=r"must declare its width as out_features.* \(got NeedsValues without\)"):
        feature_width(NeedsValues, 3, None)
    with pytest.raises(ValueError, match=r"must map images to features of shape \[b, d\] \(got tensor of shape \[2, 1"):
        feature_width(nn.Identity, 1, 4)
