"""An encoder and views that draw nothing, and treat every image of a batch alone."""

import torch
from torch import nn

from gnnclr.vision import Views


class GroupNormNet(nn.Sequential):
    def __init__(self, width=8, channels=1):
        super().__init__(
            nn.Conv2d(channels, width, 3, 2, 1), nn.GroupNorm(2, width), nn.ReLU(), nn.Flatten(), nn.LazyLinear(width)
        )
        self.in_channels = channels
        self(torch.zeros(1, channels, 8, 8))


class ShiftedViews(Views):
    def __init__(self):
        super().__init__([])

    def forward(self, images, generator=None):
        return [self.plain(images), self.plain(images).roll((1, 1), (2, 3))]
