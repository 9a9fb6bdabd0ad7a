"""What a loss is called with: the arguments of its graph, or a graph."""

import inspect
from collections.abc import Callable, Sequence
from functools import lru_cache, update_wrapper
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
    """The ways to call a loss whose ``graph`` takes a ``Batch``; views may be a list."""

    @overload
    def __call__(self, x: Tensor, graph: ContrastGraph, /) -> Tensor: ...
    @overload
    def __call__(self, *args: Batch.args, **kwargs: Batch.kwargs) -> Tensor: ...
    @overload
    def __call__(self, views: Sequence[Tensor], /, **inputs: Any) -> Tensor: ...


class CalledLikeGraph(Protocol):
    """A method with the arguments of the method ``graph`` beside it, whichever class overrides that."""

    @overload
    def __get__(self, loss: None, kind: type, /) -> Callable[..., Tensor]: ...
    @overload
    def __get__(self, loss: MakesGraph[Batch], kind: type | None = None, /) -> LossCall[Batch]: ...


def called_like(graph: Callable[..., ContrastGraph]) -> Callable[[Callable[..., Tensor]], CalledLikeGraph]:
    """Shows the arguments of ``graph`` as those of another method, to editors and to :func:`inspect.signature`, and
    behind them the keywords that the method has of its own. The method that comes back runs the same code, at no cost.

    Args:
        graph (Callable): The method whose arguments are shown.
    """
    arguments = list(inspect.signature(graph).parameters.values())

    def decorate(method: Callable[..., Tensor]) -> CalledLikeGraph:
        f = cast(FunctionType, method)
        first, own = f.__code__.co_argcount, f.__code__.co_kwonlyargcount
        known = inspect.signature(f).parameters
        keywords = [known[name] for name in f.__code__.co_varnames[first : first + own]]
        signature = inspect.Signature([*arguments, *keywords], return_annotation=Tensor)
        copy = FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, f.__closure__)
        shown: Any = update_wrapper(copy, f)
        shown.__kwdefaults__, shown.__signature__ = f.__kwdefaults__, signature
        return shown

    return decorate


def one_by_one(views: tuple[Any, ...]) -> tuple[Any, ...]:
    """The views of a list of them, or of a stack [n, views, d]; others as they are."""
    if len(views) != 1:
        return views
    (first,) = views
    if isinstance(first, Tensor) and first.dim() == 3 and not first.is_nested:
        return first.unbind(1)
    return tuple(first) if isinstance(first, (list, tuple)) else views


@lru_cache
def keywords(function: Callable[..., Any]) -> tuple[str, ...] | None:
    """The optional arguments of a function, or ``None`` if it takes any."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY or p.default is not p.empty)
