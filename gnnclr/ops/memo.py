"""Remembers what was computed from tensors, until one of them is written into."""

import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gnnclr.ops.tensor_group import TensorGroup


class TensorMap:
    """A dictionary by tensors as objects, which keeps none of them alive: a value goes with its tensor."""

    def __init__(self):
        self._values: dict[int, tuple[weakref.ref, Any]] = {}

    def get(self, tensor: Any) -> Any:
        """The value of a tensor, or ``None``."""
        entry = self._values.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None

    def set(self, tensor: Tensor, value: Any) -> None:
        """Sets the value of a tensor."""
        key = id(tensor)
        self._values[key] = weakref.ref(tensor, lambda _: self._values.pop(key, None)), value

    def __len__(self) -> int:
        return len(self._values)


#: The original of each tensor that :func:`copy_of` made.
_ORIGINALS = TensorMap()


def copy_of(tensor: Tensor) -> Tensor:
    """A copy that may be handed out, for which a :class:`TensorMemo` remembers the same values as for ``tensor``, until
    the copy is written into: ``tensor`` itself stays private, so that it never changes."""
    if torch.is_inference_mode_enabled():
        with torch.inference_mode(False):  # made in it, a tensor has no version
            return copy_of(tensor)
    copy = tensor.clone()
    _ORIGINALS.set(copy, tensor)
    return copy


def original(value: Any) -> Any:
    """The original of an unchanged copy by :func:`copy_of`; any other tensor itself."""
    # As _ORIGINALS.get(value), without a call: each step asks some twenty times.
    entry = _ORIGINALS._values.get(id(value))
    return value if entry is None or entry[0]() is not value or value._version else entry[1]


class TensorMemo:
    """Calls a function, and remembers its value until it is called with other tensors, or with the same ones changed.

    A graph is one object through a training run, and values derived from it (a normalized adjacency matrix,
    centralities, propagated features) costs more than a training step. Tensors are told apart by identity and version,
    not by their entries, also those of a :class:`~gnnclr.ops.tensor_group.TensorGroup`; they are referenced weakly.
    Values are constants: they are made without gradients.

    PyTorch counts versions where a tensor is written into, but not where one goes around it, by ``tensor.data`` or
    ``tensor.numpy()``: then the old value is returned. Give a new tensor, or write into the tensor itself.

    Args:
        function (callable): Takes tensors and hashable settings.
    """

    def __init__(self, function: Callable[..., Any]):
        self.function = function
        #: Key and value in one place: a thread that finds the key finds its value.
        self._last: tuple[tuple[Any, ...] | None, Any] = (None, None)

    def __call__(self, *args: Any) -> Any:
        """The value of the function."""
        if torch.compiler.is_compiling():
            return _outside(self, *args)
        key, value = self._last
        if key is None or len(key) != len(args) or not all(map(_same, key, args)):
            # A value made in inference mode could not be used in training afterwards; what is remembered for an
            # original comes from it, since someone may have gone around the version of a copy.
            with torch.inference_mode(False), torch.no_grad():
                value = self.function(*map(_original, args))
            if any(map(_is_inference, args)):
                return value  # they have no version
            self._last = tuple(map(_key, args)), value
        return value

    def __getstate__(self) -> dict[str, Any]:
        return {"function": self.function, "_last": (None, None)}


@torch.compiler.disable  # a compiler cannot see versions of tensors
def _outside(memo: TensorMemo, *args: Any) -> Any:
    return memo(*args)


class _Seen(NamedTuple):
    """The identity and version of a tensor."""

    tensor: weakref.ref
    version: int


class _SeenGroup(NamedTuple):
    """What is remembered of a group."""

    kind: type
    parts: tuple[Any, ...]


def _original(arg: Any) -> Any:
    return arg.map(original) if isinstance(arg, TensorGroup) else original(arg)


def _key(arg: Any) -> Any:
    if isinstance(arg, TensorGroup):
        return _SeenGroup(type(arg), tuple(map(_key, vars(arg).values())))
    if not isinstance(arg, Tensor):
        return arg
    arg = original(arg)
    return _Seen(weakref.ref(arg), arg._version)


def _same(key: Any, arg: Any) -> bool:
    if isinstance(arg, TensorGroup):
        return isinstance(key, _SeenGroup) and key.kind is type(arg) and all(map(_same, key.parts, vars(arg).values()))
    if not isinstance(arg, Tensor):
        return not isinstance(key, (_Seen, _SeenGroup)) and key == arg
    if not isinstance(key, _Seen) or arg.is_inference():
        return False
    arg = original(arg)
    return key.tensor() is arg and key.version == arg._version


def _is_inference(arg: Any) -> bool:
    if isinstance(arg, TensorGroup):
        return any(map(_is_inference, vars(arg).values()))
    return isinstance(arg, Tensor) and arg.is_inference()
