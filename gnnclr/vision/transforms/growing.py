"""Views that grow while an encoder is trained."""

from bisect import bisect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from gnnclr.ops.check import check_count, describe
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
        sizes (Sequence[int], optional): Height and width of the views, one after the other. (default: ``(16, 24)``)
        grow_at (Sequence[int], optional): The epoch, counted from 0, at which each further size begins.
            (default: ``(8,)``)
        mean (Sequence[float] or float, optional): As in :class:`BatchViews`. (default: CIFAR-10's)
        std (Sequence[float] or float, optional): As in :class:`BatchViews`. (default: CIFAR-10's)
        **options (optional): ``views``, ``scale``, ``ratio``, ``flip``, ``jitter``, ``jitter_p``, ``grayscale_p``,
            ``blur_p``, ``hue`` and ``chunk`` of :class:`BatchViews`.

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, ``uint8`` or floating point in :math:`[0, 1]`
        - **output:** a list of views :math:`(B, C, S, S)`, ``float32``, with :math:`S` the size of the epoch

    Raises:
        ValueError: If there is no size, or ``grow_at`` is not an ascending epoch for each further one.

    Example:
        >>> views = GrowingViews([16, 32], grow_at=[10])
        >>> views.start_epoch(12)
        >>> [view.shape[2] for view in views(torch.rand(8, 3, 32, 32))]
        [32, 32]
    """

    def __init__(
        self,
        sizes: Sequence[int] = (16, 24),
        grow_at: Sequence[int] = (8,),
        mean: Sequence[float] | float | None = CIFAR_MEAN,
        std: Sequence[float] | float | None = CIFAR_STD,
        **options: Any,
    ):
        if isinstance(sizes, str) or not isinstance(sizes, Sequence) or len(sizes) == 0:
            raise ValueError(f"'sizes' must be a list of sizes of views (got {describe(sizes)})")
        kinds = [BatchViews(check_count("sizes", size), mean=mean, std=std, **options) for size in sizes]
        super().__init__((), kinds[0].views, kinds[0].normalize, kinds[0].chunk)
        self.kinds: nn.ModuleList = nn.ModuleList(kinds)
        self.grow_at: list[int] = [check_count("grow_at", epoch) for epoch in grow_at]
        if len(self.grow_at) != len(kinds) - 1 or self.grow_at != sorted(set(self.grow_at)):
            raise ValueError(
                f"'grow_at' must have an epoch for each size but the first, in ascending order (got {self.grow_at} for "
                f"{len(kinds)} sizes)"
            )
        self.sizes: list[int] = list(sizes)
        self._kind: int = 0

    def start_epoch(self, epoch: int) -> None:
        """Makes views of the size of an epoch.

        Args:
            epoch (int): The epoch, counted from 0.
        """
        self._kind = bisect(self.grow_at, epoch)

    @torch.no_grad()
    def forward(self, images: Tensor, generator: Generator | None = None) -> list[Tensor]:
        """Makes the views, with random numbers from ``generator`` or torch's own."""
        return self.kinds[self._kind](images, generator)

    def extra_repr(self) -> str:
        """The sizes, and the epochs at which they change."""
        return f"sizes={self.sizes}, grow_at={self.grow_at}"
