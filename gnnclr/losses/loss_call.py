"""What a loss is called with: the arguments of its graph, or a graph."""

import inspect
from collections.abc import Callable
from functools import update_wrapper
from types import FunctionType
from typing import Any, ParamSpec, Protocol, cast, overload

from torch import Tensor

from gnnclr.graph import ContrastGraph

Batch = ParamSpec("Batch")


class MakesGraph(Protocol[Batch]):
    """A loss that makes a graph of a batch."""

    def graph(self, *args: Batch.args, **kwargs: Batch.kwargs) -> ContrastGraph:
        """The graph of a batch."""
        ...


class LossCall(Protocol[Batch]):
    """The two ways to call a loss whose ``graph`` takes a ``Batch``."""

    @overload
    def __call__(self, x: Tensor, graph: ContrastGraph, /) -> Tensor: ...
    @overload
    def __call__(self, *args: Batch.args, **kwargs: Batch.kwargs) -> Tensor: ...


class CalledLikeGraph(Protocol):
    """A method with the arguments of the method ``graph`` beside it, whichever class overrides that."""

    @overload
    def __get__(self, loss: None, kind: type, /) -> Callable[..., Tensor]: ...
    @overload
    def __get__(self, loss: MakesGraph[Batch], kind: type | None = None, /) -> LossCall[Batch]: ...


def called_like(graph: Callable[..., ContrastGraph]) -> Callable[[Callable[..., Tensor]], CalledLikeGraph]:
    """Shows the arguments of ``graph`` as those of another method, to editors and to :func:`inspect.signature`. The
    method that comes back runs the same code, at no cost.

    Args:
        graph (Callable): The method whose arguments are shown.
    """
    signature = inspect.signature(graph).replace(return_annotation=Tensor)

    def decorate(method: Callable[..., Tensor]) -> CalledLikeGraph:
        f = cast(FunctionType, method)
        copy = FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, f.__closure__)
        shown: Any = update_wrapper(copy, f)
        shown.__kwdefaults__, shown.__signature__ = f.__kwdefaults__, signature
        return shown

    return decorate
