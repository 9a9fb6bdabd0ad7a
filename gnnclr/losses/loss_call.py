"""What a loss is called with: views and the arguments of its graph, or a graph."""

import inspect
from collections.abc import Callable, Sequence
from functools import lru_cache, update_wrapper
from types import FunctionType
from typing import Any, ParamSpec, Protocol, cast, overload

from torch import Tensor

from gnnclr.graph import ContrastGraph
from gnnclr.ops.check import check_matrix, describe
from gnnclr.ops.labels import as_tensor

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


class TakesInputs(Protocol):
    """A loss that says which keywords it takes."""

    @property
    def inputs(self) -> tuple[str, ...] | None:
        """The keywords, or none if it takes any."""
        ...

    @property
    def per_anchor(self) -> bool:
        """Whether it is a mean over anchors."""
        ...


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


def check_views(views: tuple[Any, ...], least: int, most: int | None) -> list[Tensor]:
    """Views that are as many matrices as a loss takes.

    Args:
        views (tuple): What was given.
        least (int): The least number of views.
        most (int, optional): The largest number, if there is one.
    """
    checked = [check_matrix(f"views[{i}]", view) for i, view in enumerate(views)]
    if len(checked) < least or (most is not None and len(checked) > most):
        number = {1: "one", 2: "two"}.get(least, str(least))
        wanted = number if most == least else f"{number} or more"
        raise ValueError(f"'views' must be {wanted} matrices [n, d] (got {len(checked) or 'none'})")
    return checked


def given_inputs(loss: TakesInputs, given: dict[str, Any]) -> dict[str, Any]:
    """The keywords of a call that are given, labels and weights as tensors; one that the loss does not take is refused.

    Args:
        loss (GraphLoss): The loss.
        given (dict): The keywords; ``None`` counts as not given.
    """
    known = loss.inputs
    for name, value in given.items():
        if known is None or name in known:
            continue
        kind, wanted = type(loss).__name__, ", ".join(map(repr, known)) or "no keywords"
        option = name in inspect.signature(type(loss).__init__).parameters
        what = f"an option of {kind}(...) and not of its call" if option else f"no keyword of {kind}"
        if name == "weight" and not (option or loss.per_anchor):
            what += ", no mean over anchors"
        raise ValueError(f"'{name}' is {what}, which takes {wanted} (got {describe(value)})")
    given = {name: value for name, value in given.items() if value is not None}
    return {name: as_tensor(value) if name in ("labels", "weight") else value for name, value in given.items()}


@lru_cache
def keywords(function: Callable[..., Any]) -> tuple[str, ...] | None:
    """The optional arguments of a function, or ``None`` if it takes any."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY or p.default is not p.empty)
