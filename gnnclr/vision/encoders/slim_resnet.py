"""A small residual network for small images on CPUs."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gnnclr.ops.check import check_count, describe, is_number

#: Channels from which on a strided convolution is left to torch.
CHANNELS = 16


class SlimResNet(nn.Module):
    r"""A residual network of one basic block per stage, after `"Deep Residual Learning for Image Recognition"
    <https://arxiv.org/abs/1512.03385>`_, slim enough to learn from scratch on a CPU.

    The defaults take 12.3 million multiply-adds for an image of 32×32 and have 307 thousand weights. The stem's stride
    of two makes training five times faster than a full-resolution first stage.

    Args:
        widths (tuple[int, ...], optional): Channels of every stage; all but the first halve the resolution.
            (default: ``(32, 64, 128)``)
        in_channels (int, optional): Channels of the images. (default: ``3``)
        stem_stride (int, optional): Stride of the first convolution. (default: ``2``)
        jumping (int, optional): How many of the last stages give features, side by side, as in `"Representation
            Learning on Graphs with Jumping Knowledge Networks" <https://arxiv.org/abs/1806.03536>`_.
            (default: ``1``)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`
        - **output:** features :math:`(B, D)`, with :math:`D` the sum of the last :obj:`jumping` widths, averaged over
          positions
    """

    def __init__(
        self, widths: tuple[int, ...] = (32, 64, 128), in_channels: int = 3, stem_stride: int = 2, jumping: int = 1
    ):
        super().__init__()
        if not widths or not all(is_number(size, int) and size > 0 for size in widths):
            raise ValueError(f"'widths' must be positive integers (got {describe(widths)})")
        check_count("stem_stride", stem_stride)
        self.in_channels: int = check_count("in_channels", in_channels)
        self.jumping: int = check_count("jumping", jumping, most=len(widths))
        self.out_features: int = sum(widths[-jumping:])
        self.stem: nn.Sequential = nn.Sequential(
            nn.Conv2d(in_channels, widths[0], 3, stem_stride, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU(True)
        )
        before = (widths[0], *widths[:-1])
        self.stages: nn.Sequential = nn.Sequential(
            *(BasicBlock(i, o, 1 + (k > 0)) for k, (i, o) in enumerate(zip(before, widths)))
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all weights anew: He's normal initialization for convolutions."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()

    def forward(self, images: Tensor) -> Tensor:
        """The features of ``images``."""
        # Convolutions on a CPU are a quarter to a half faster with channels last.
        x = images.contiguous(memory_format=torch.channels_last)
        x, features = self.stem(x), []
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number >= len(self.stages) - self.jumping:
                features.append(x.mean(dim=(2, 3)))
        return torch.cat(features, dim=1)


class Pointwise(nn.Conv2d):
    """A 1×1 convolution that takes the positions of its stride first, where channels are fewer than a block of
    `oneDNN <https://github.com/uxlfoundation/oneDNN/issues/6035>`_, which writes past its memory in the gradient by the
    weights of such a convolution with a stride. Arguments are those of :class:`torch.nn.Conv2d`."""

    def forward(self, x: Tensor) -> Tensor:
        """The output of the convolution."""
        if self.in_channels >= CHANNELS:
            return super().forward(x)
        down, right = self.stride
        return F.conv2d(x[:, :, ::down, ::right], self.weight, self.bias)


class BasicBlock(nn.Module):
    r"""Two 3×3 convolutions and a shortcut.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        stride (int, optional): Stride of the first convolution. (default: ``1``)
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        self.conv1: nn.Conv2d = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm1: nn.BatchNorm2d = nn.BatchNorm2d(out_channels)
        self.conv2: nn.Conv2d = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.norm2: nn.BatchNorm2d = nn.BatchNorm2d(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                Pointwise(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """The output of the block."""
        out = F.relu(self.norm1(self.conv1(x)), inplace=True)
        return F.relu(self.norm2(self.conv2(out)).add_(self.shortcut(x)), inplace=True)
