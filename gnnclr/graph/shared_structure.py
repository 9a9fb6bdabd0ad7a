"""The structure of graphs of equal size, made once."""

from collections.abc import Callable
from functools import lru_cache, wraps

import torch
from torch import Tensor


def shared_structure(function: Callable[..., tuple[Tensor, ...]]) -> Callable[..., tuple[Tensor, ...]]:
    """Remembers the tensors of a function of sizes and devices, for the last few of them, and makes them anew where
    someone has written into them.

    What is derived from these tensors is remembered in turn, by their identity.

    Args:
        function (callable): Takes hashable arguments and returns tensors.
    """

    @lru_cache(maxsize=4)
    def remembered(*args) -> tuple[Tensor, ...]:
        # Made in inference mode they could not be used in training afterwards.
        with torch.inference_mode(False):
            return function(*args)

    @torch.compiler.disable  # it cannot see versions of tensors
    @wraps(function)
    def structure(*args) -> tuple[Tensor, ...]:
        parts = remembered(*args)
        if any(part._version for part in parts):
            remembered.cache_clear()
            parts = remembered(*args)
        return parts

    return structure
