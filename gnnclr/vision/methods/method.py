"""The base of methods for images."""

import torch
from torch import Tensor, nn

from gnnclr.vision.transforms.views import Views


class VisionMethod(nn.Module):
    """Base class of methods that train one encoder on views of images.

    A subclass writes ``training_step_loss(batch) -> (loss, logs)``. It may have ``start_epoch(epoch)`` and
    ``after_optimizer_step()``, which :class:`~gnnclr.train.ContrastiveModule` calls.

    Args:
        encoder (torch.nn.Module): Maps images to features, which are what is kept after training.
        views (Views): Makes the views of a batch; its ``plain`` is what :meth:`forward` encodes.

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, ``uint8`` or floating point in :math:`[0, 1]`
        - **output:** features :math:`(B, D)`
    """

    def __init__(self, encoder: nn.Module, views: Views):
        super().__init__()
        self.encoder, self.views = encoder, views

    def forward(self, images: Tensor) -> Tensor:
        """The features of ``images``, without augmentation."""
        return self.encode(self.views.plain(images))

    def encode(self, images: Tensor) -> Tensor:
        """The features of views :math:`(B, C, H, W)`."""
        return self.encoder(channels_last(images))


def channels_last(images: Tensor) -> Tensor:
    """Images in the layout in which convolutions are fastest."""
    return images.contiguous(memory_format=torch.channels_last)
