"""The base of methods for images."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from gnnclr.nn.chunks import check_chunk_size, in_chunks
from gnnclr.vision.transforms.views import Views


class VisionMethod(nn.Module):
    """Base class of methods that train one encoder on views of images.

    A subclass writes ``training_step_loss(batch) -> (loss, logs)``. It may have ``after_optimizer_step()``, which
    :class:`~gnnclr.train.ContrastiveModule` calls, as it does :meth:`start_epoch`. Images go through :meth:`encode`,
    so that every method takes batches larger than memory.

    Args:
        encoder (torch.nn.Module): Maps images to features, which are kept after training.
        views (Views): Makes the views of a batch; its ``plain`` makes the input of :meth:`forward`.
        chunk_size (int, optional): The number of views that the encoder takes at once; activations of one chunk at a
            time are in memory, and each chunk is encoded again in the backward pass (:func:`~gnnclr.nn.in_chunks`).
            Batch normalization in the encoder sees chunks, in all that follows the whole batch.
            (default: :obj:`None`, all of a batch)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, ``uint8`` or floating point in :math:`[0, 1]`
        - **output:** features :math:`(B, D)`
    """

    #: Whether a step sees nothing of an image but its views: then photos come as crops.
    takes_crops: bool = True
    #: Whether views may have several sizes.
    takes_sizes: ClassVar[bool] = False

    def __init__(self, encoder: nn.Module, views: Views, chunk_size: int | None = None):
        super().__init__()
        sizes = {crop.size for crop, _ in getattr(views, "photo_crops", [])}
        if len(sizes) > 1 and not self.takes_sizes:
            raise ValueError(f"'views' must have one size for {type(self).__name__} (got {sorted(sizes)})")
        self.encoder: nn.Module = encoder
        self.views: Views = views
        self.chunk_size: int | None = check_chunk_size(chunk_size)

    if TYPE_CHECKING:  # torch says that any module returns anything

        def __call__(self, images: Tensor) -> Tensor:
            """The features of ``images``, without augmentation."""
            ...

    def start_epoch(self, epoch: int) -> None:
        """Prepares an epoch: tells views that change over the training which epoch begins."""
        start = getattr(self.views, "start_epoch", None)
        if start is not None:
            start(epoch)

    def forward(self, images: Tensor) -> Tensor:
        """The features of ``images``, without augmentation."""
        return self.encode(self.views.plain(images))

    def features(self) -> nn.Module:
        """What is kept after training, apart from all that training needs: a module that normalizes images
        :math:`(B, C, H, W)` in :math:`[0, 1]` and maps them to features :math:`(B, D)`. Weights are shared."""
        normalize = getattr(self.views, "normalize", nn.Identity())
        return nn.Sequential(OrderedDict(normalize=normalize, encoder=self.encoder, flatten=nn.Flatten(1)))

    def encode(self, images: Tensor, encoder: nn.Module | None = None) -> Tensor:
        """The features of views :math:`(B, C, H, W)`, by the encoder or by a copy of it."""
        encoder = self.encoder if encoder is None else encoder
        if next((weight.dtype for weight in encoder.parameters()), None) == torch.float64:
            images = images.double()  # as trainer.precision=64-true wants it
        return in_chunks(encoder, channels_last(images), self.chunk_size)

    def encode_views(self, views: Sequence[Tensor]) -> Tensor:
        r"""The features of all views :math:`(V B, D)`, view after view, by one pass over those of a size that follow
        each other: one batch for the normalization layers, and larger products.

        Args:
            views (sequence): Views :math:`(B, C, S_v, S_v)`.
        """
        groups = [list(group) for _, group in groupby(views, key=lambda view: view.shape[2:])]
        return torch.cat([self.encode(torch.cat(group)) for group in groups])

    def project(self, images: Tensor, network: nn.Sequential) -> Tensor:
        """The embeddings of views by an encoder and its projector, such as slow copies of them."""
        encoder, projector = network
        return projector(self.encode(images, encoder))


def channels_last(images: Tensor) -> Tensor:
    """Images in the layout in which convolutions are fastest."""
    return images.contiguous(memory_format=torch.channels_last)
