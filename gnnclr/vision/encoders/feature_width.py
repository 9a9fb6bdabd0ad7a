"""The number of features that an encoder gives, found by making it."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from gnnclr.ops.check import describe
from gnnclr.ops.eval_mode import eval_mode

FIELD = "model.method.encoder"
#: Images in the batch that is put through an encoder.
BATCH = 2


def declared_width(encoder: object) -> int | None:
    """The width of features that an encoder declares as ``out_channels`` or ``out_features``; ``None`` without either.

    Args:
        encoder (torch.nn.Module): The encoder.
    """
    width = getattr(encoder, "out_channels", getattr(encoder, "out_features", None))
    return width if isinstance(width, int) else None


def feature_width(make: Callable[[], nn.Module], channels: int | None, size: int | None) -> int:
    """The width of the features that an encoder gives: what it declares as ``out_features`` or ``out_channels``, or
    what a batch of images on device meta becomes, where nothing is computed; where that fails, a batch of zeros.

    Args:
        make (callable): Makes the encoder. Random numbers that it draws are not missed by others.
        channels (int, optional): Channels of the images; where they are not known those that the encoder declares, or
            three.
        size (int, optional): Height and width of the images.

    Raises:
        ValueError: If the encoder does not map images to rows of features.
    """
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _width(make, channels, size, "meta")
        except (NotImplementedError, RuntimeError, TypeError):  # what needs values
            return _width(make, channels, size, "cpu")


def _width(make: Callable[[], nn.Module], channels: int | None, size: int | None, device: str) -> int:
    with torch.device(device):
        encoder = make()
        if (declared := declared_width(encoder)) is not None:
            return declared
        if size is None:
            raise ValueError(
                f"'{FIELD}' must declare its width as out_features, or be given one as "
                f"'model.method.projector.in_features' (got {type(encoder).__name__} without)"
            )
        channels = getattr(encoder, "in_channels", 3) if channels is None else channels
        with eval_mode(encoder), torch.no_grad():
            features = encoder(torch.zeros(BATCH, channels, size, size))
    if not isinstance(features, Tensor) or features.dim() != 2 or len(features) != BATCH:
        raise ValueError(f"'{FIELD}' must map images to features of shape [b, d] (got {describe(features)})")
    return features.shape[1]
