"""An encoder that sees an image and its mirror image."""

from torch import Tensor, nn


class Mirrored(nn.Module):
    r"""An encoder whose features are the same of an image and of its mirror image, in evaluation: the mean of both, at
    twice the cost. As in the test of `"ImageNet Classification with Deep Convolutional Neural Networks"
    <https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks>`_, but of
    features in the place of predictions.

    In training images pass as they are: views that are mirrored at random teach the encoder what it is to keep.

    Args:
        encoder (torch.nn.Module): The encoder, of features :math:`(B, D)`.

    Shapes:
        - **input:** images :math:`(B, C, H, W)`
        - **output:** features :math:`(B, D)`

    Examples:
        >>> encoder = Mirrored(SlimResNet()).eval()
        >>> encoder(images) - encoder(images.flip(-1))  # zero, but for rounding
    """

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder: nn.Module = encoder
        for name in ("in_channels", "out_channels", "out_features"):
            if isinstance(size := getattr(encoder, name, None), int):
                setattr(self, name, size)

    def forward(self, images: Tensor) -> Tensor:
        """The features of ``images``."""
        if self.training:
            return self.encoder(images)
        return (self.encoder(images) + self.encoder(images.flip(-1))) / 2
