"""Tensors that belong together, as one value."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar

from torch import Tensor

Group = TypeVar("Group", bound="TensorGroup")


class TensorGroup:
    """Base class of frozen dataclasses that hold tensors: a value, such as a part of a graph, that moves and is
    copied as one. A :class:`~gnnclr.ops.memo.TensorMemo` tells groups apart by their tensors.

    A group is never written into. ``dataclasses.replace`` makes a changed one, which leaves copies of a graph alone.
    """

    def map(self: Group, function: Callable[[Tensor], Tensor]) -> Group:
        """Applies a function to all tensors of the group, and returns the group of the results."""
        changed = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                changed[field.name] = function(value)
            elif isinstance(value, tuple) and any(isinstance(x, Tensor) for x in value):
                changed[field.name] = tuple(map(function, value))
        return replace(self, **changed) if changed else self

    def to(self: Group, *args: Any, **kwargs: Any) -> Group:
        """Moves or casts all tensors, as :meth:`torch.Tensor.to` does, and returns the group of them."""
        return self.map(lambda x: x.to(*args, **kwargs))

    def __repr__(self) -> str:
        shown = [(field.name, getattr(self, field.name)) for field in fields(self)]
        parts = [f"{name}={list(x.shape) if isinstance(x, Tensor) else x}" for name, x in shown if x is not None]
        return f"{type(self).__name__}({', '.join(parts)})"
