"""The last value of a function of tensors."""

import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor


class TensorMemo:
    """Calls a function, and remembers its value until it is called with other tensors, or with the same ones changed.

    A graph is one object through a training run, and what is derived from it (a normalised adjacency matrix,
    centralities, propagated features) costs more than a training step. Tensors are told apart by identity and version,
    not by their entries; they are referenced weakly. Values are constants: they are made without gradients.

    Args:
        function (callable): Takes tensors and hashable settings.
    """

    def __init__(self, function: Callable[..., Any]):
        self.function = function
        #: Key and value in one place: a thread that finds the key finds its value.
        self._last: tuple[tuple | None, Any] = (None, None)

    def __call__(self, *args: Any) -> Any:
        """The value of the function."""
        key, value = self._last
        if key is None or len(key) != len(args) or not all(map(_same, key, args)):
            # A value made in inference mode could not be used in training afterwards.
            with torch.inference_mode(False), torch.no_grad():
                value = self.function(*args)
            if any(isinstance(arg, Tensor) and arg.is_inference() for arg in args):
                return value  # they have no version
            self._last = tuple(map(_key, args)), value
        return value

    def __getstate__(self) -> dict[str, Any]:
        return {"function": self.function, "_last": (None, None)}


class _Seen(NamedTuple):
    """What a tensor is told by."""

    tensor: weakref.ref
    version: int


def _key(arg: Any) -> Any:
    return _Seen(weakref.ref(arg), arg._version) if isinstance(arg, Tensor) else arg


def _same(key: Any, arg: Any) -> bool:
    if not isinstance(arg, Tensor):
        return not isinstance(key, _Seen) and key == arg
    return isinstance(key, _Seen) and key.tensor() is arg and not arg.is_inference() and key.version == arg._version
