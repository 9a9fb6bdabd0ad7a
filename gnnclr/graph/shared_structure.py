"""Remembers the index tensors of batches of equal size, and hands out copies."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, cast

import torch
from torch import Tensor

from gnnclr.ops.memo import copy_of


def shared_structure(function: Callable[..., tuple[Tensor, ...]]) -> Callable[..., tuple[Tensor, ...]]:
    """Remembers the tensors of a function of sizes and devices, for the last few of them, and hands out copies.

    Values derived from these tensors are remembered in turn, for all copies that are unchanged. A caller may change a
    copy: no other graph sees it.

    Args:
        function (callable): Takes hashable arguments and returns tensors.
    """

    @lru_cache(maxsize=4)
    def remembered(*args: Any) -> tuple[Tensor, ...]:
        return function(*args)

    @wraps(function)
    def structure(*args: Any) -> tuple[Tensor, ...]:
        # Made in inference mode they could not be used in training afterwards.
        if torch.is_inference_mode_enabled():
            with torch.inference_mode(False):
                return structure(*args)
        return tuple(map(copy_of, remembered(*args)))

    # A compiler cannot see versions of tensors.
    return cast(Callable[..., tuple[Tensor, ...]], torch.compiler.disable(structure))
