"""The base of random transforms that see a whole batch at once."""

import math
from typing import Any

import torch
from torch import Generator, Tensor, nn

from gnnclr.ops.check import check_probability, describe, is_number

Params = dict[str, Tensor]
Shape = tuple[int, int, int, int]


class BatchTransform(nn.Module):
    r"""A random transform of a batch of images, with parameters of its own for every sample.

    A subclass says how parameters are drawn (:meth:`make_params`, all samples at once) and how images are made from
    them (:meth:`transform`, a function of its arguments alone). Parameters are tensors with one row per sample, so a
    batch can be transformed in chunks without a change of the result.

    Args:
        p (float, optional): The probability that a sample is transformed. (default: ``1.0``)

    Shapes:
        - **input:** images :math:`(B, C, H, W)`, floating point in :math:`[0, 1]`
        - **output:** images :math:`(B, C, H', W')`
    """

    def __init__(self, p: float = 1.0):
        super().__init__()
        self.p: float = check_probability("p", p)

    def make_params(self, shape: Shape, generator: Generator | None, device: torch.device) -> Params:
        """Draws the parameters of a batch of images of ``shape``."""
        raise NotImplementedError

    def transform(self, images: Tensor, params: Params) -> Tensor:
        """Transforms ``images`` by ``params``. The input is not changed."""
        raise NotImplementedError

    def out_shape(self, shape: Shape) -> Shape:
        """The shape of the output for images of ``shape``."""
        return shape

    def sample(
        self, shape: Shape, generator: Generator | None = None, device: torch.device | str | None = None
    ) -> Params:
        """Draws all parameters of a batch of images of ``shape``: those of :meth:`make_params`, and, where
        :obj:`p` is below one, ``applied``, which samples are transformed."""
        device = torch.device("cpu" if device is None else device)
        params = self.make_params(shape, generator, device)
        if self.p < 1:
            params["applied"] = torch.rand(shape[0], generator=generator, device=device) < self.p
        return params

    def forward(self, images: Tensor, params: Params | None = None, generator: Generator | None = None) -> Tensor:
        """Transforms ``images`` by ``params``, or by freshly drawn ones."""
        check_images("images", images)
        if params is None:
            params = self.sample(tuple(images.shape), generator, images.device)
        # Under autocast, products would round images to half precision.
        with torch.autocast(images.device.type, enabled=False):
            return self._transform_applied(images, params)

    def _transform_applied(self, images: Tensor, params: Params) -> Tensor:
        if "applied" not in params:
            return self.transform(images, params)
        applied = params["applied"]
        index = applied.nonzero().squeeze(1)
        changed = self.transform(
            images.index_select(0, index),
            {name: value.index_select(0, index) for name, value in params.items() if name != "applied"},
        )
        # One gather from the rows of both is faster than index_copy.
        row = torch.where(applied, applied.cumsum(0) - 1 + len(images), torch.arange(len(images), device=images.device))
        return torch.cat([images, changed]).index_select(0, row)

    def extra_repr(self) -> str:
        """The settings."""
        return "" if self.p == 1 else f"p={self.p}"


def uniform(
    shape: tuple[int, ...], bounds: tuple[float, float], generator: Generator | None, device: torch.device
) -> Tensor:
    """Numbers drawn uniformly between two bounds."""
    return torch.empty(shape, device=device).uniform_(*bounds, generator=generator)


def check_images(name: str, images: Any) -> Tensor:
    """Returns ``images`` if it is a floating point tensor [b, c, h, w], and raises a :class:`ValueError` otherwise."""
    if not isinstance(images, Tensor) or images.dim() != 4 or not images.is_floating_point() or 0 in images.shape[1:]:
        raise ValueError(f"'{name}' must be a floating point tensor of shape [b, c, h, w] (got {describe(images)})")
    return images


def check_range(name: str, value: Any, low: float = 0.0, high: float = float("inf")) -> tuple[float, float]:
    """Returns ``value`` as a pair if it is two ascending numbers within [low, high], and raises a
    :class:`ValueError` otherwise."""
    pair = tuple(value) if isinstance(value, (tuple, list)) else ()
    numbers = all(is_number(v) and math.isfinite(v) for v in pair)
    if len(pair) != 2 or not numbers or not low <= pair[0] <= pair[1] <= high:
        raise ValueError(f"'{name}' must be two ascending numbers within [{low}, {high}] (got {describe(value)})")
    return float(pair[0]), float(pair[1])
