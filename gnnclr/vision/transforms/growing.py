"""Views that grow while an encoder is trained."""

from bisect import bisect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from gnnclr.ops.check import describe, is_number
from gnnclr.vision.transforms.normalize import CIFAR_MEAN, CIFAR_STD
from gnnclr.vision.transforms.views import BatchViews, Views


class GrowingViews(Views):
    """Views of :class:`BatchViews` that are small in the first epochs and larger in later ones, after
    `"EfficientNetV2: Smaller Models and Faster Training" <https://arxiv.org/abs/2104.00298>`_: an encoder of
    convolutions learns first what small views show as well, at a fraction of the cost.

    Which epoch it is :meth:`start_epoch` says: recipes call it through the method, and a loop of one's own calls
    ``method.start_epoch(epoch)`` before each epoch, or all views have the first size. Photos of many sizes are brought
    to central squares first, as the processes that read them know of one size.

    Args:
        sizes (Mapping[int, int], optional): Height and width of the views by the epoch from which on they have that
            size, counted from 0; the first one must be there. (default: ``{0: 16, 8: 24}``)
        mean (Sequence[float] or float, optional): As in :class:`BatchViews`. (default: CIFAR-10's)
        std (Sequence[float] or float, optional): As in :class:`BatchViews`. (default: CIFAR-10's)
        **options (optional): ``views``, ``scale``, ``ratio``, ``flip``, ``jitter``, ``jitter_p``, ``grayscale_p``,
            ``blur_p``, ``hue`` and ``chunk`` of :class:`BatchViews`.

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, ``uint8`` or floating point in :math:`[0, 1]`
        - **output:** a list of views :math:`(B, C, S, S)`, ``float32``, with :math:`S` the size of the epoch

    Raises:
        ValueError: If ``sizes`` is no mapping from epochs to sizes, or has none for epoch 0.

    Example:
        >>> views = GrowingViews({0: 16, 10: 32})
        >>> views.start_epoch(12)
        >>> [view.shape[2] for view in views(torch.rand(8, 3, 32, 32))]
        [32, 32]
    """

    def __init__(
        self,
        sizes: Mapping[int, int] | None = None,
        mean: Sequence[float] | float | None = CIFAR_MEAN,
        std: Sequence[float] | float | None = CIFAR_STD,
        **options: Any,
    ):
        sizes = {0: 16, 8: 24} if sizes is None else sizes
        if not isinstance(sizes, Mapping) or not all(
            is_number(value, int) and value >= least for pair in sizes.items() for value, least in zip(pair, (0, 1))
        ):
            raise ValueError(f"'sizes' must map epochs, from 0 on, to sizes of views (got {describe(sizes)})")
        if 0 not in sizes:
            raise ValueError(f"'sizes' must say the size of epoch 0 (got epochs {sorted(sizes)})")
        kinds = [BatchViews(sizes[epoch], mean=mean, std=std, **options) for epoch in sorted(sizes)]
        super().__init__((), kinds[0].views, kinds[0].normalize, kinds[0].chunk)
        self.epochs: list[int] = sorted(sizes)
        self.kinds: nn.ModuleList = nn.ModuleList(kinds)
        self._kind: int = 0

    def start_epoch(self, epoch: int) -> None:
        """Makes views of the size of an epoch.

        Args:
            epoch (int): The epoch, counted from 0.
        """
        self._kind = bisect(self.epochs, epoch) - 1

    @torch.no_grad()
    def forward(self, images: Tensor, generator: Generator | None = None) -> list[Tensor]:
        """Makes the views, with random numbers from ``generator`` or torch's own."""
        return self.kinds[self._kind](images, generator)

    def extra_repr(self) -> str:
        """The sizes by epoch."""
        sizes = [kind.crop.size for kind in self.kinds if isinstance(kind, BatchViews) and kind.crop is not None]
        return f"sizes={dict(zip(self.epochs, sizes))}"
