"""Checks of arguments, whose messages name the argument, the expected value and the value that came."""

import math
from numbers import Integral, Real
from typing import Any, Literal, overload

import torch
from torch import Tensor

#: Types of devices whose tensors are looked at.
LOOKED_AT = frozenset(("cpu",))


def looks_at(x: Tensor) -> bool:
    """Whether to look at the entries of a tensor, to refuse them or to choose a way by them: on the CPU. A look at an
    accelerator would wait for it: there what is not finite reaches the loss. While a program is compiled there is
    nothing to see."""
    return x.device.type in LOOKED_AT and not torch.compiler.is_compiling()


def describe(value: Any) -> str:
    """A short description of ``value`` for error messages: shape and dtype of tensors, type and value of the rest."""
    if isinstance(value, Tensor):
        shape = "nested shape" if value.is_nested else f"shape {list(value.shape)}"
        return f"tensor of {shape} and dtype {value.dtype}"
    text = " ".join(repr(value).split())  # arrays have lines
    return f"{type(value).__name__} {text if len(text) <= 80 else text[:77] + '...'}"


def check_matrix(
    name: str, x: Any, *, finite: bool = False, rows: int | None = None, cols: int | None = None
) -> Tensor:
    """Returns ``x`` if it is a floating point matrix [rows, cols], and raises a :class:`ValueError` otherwise.

    Args:
        name (str): Name of the argument, for the message.
        x: The value to check.
        finite (bool, optional): Also refuse NaN and infinity. (default: ``False``)
        rows (int, optional): Required number of rows.
        cols (int, optional): Required number of columns.
    """
    expected = f"[{'n' if rows is None else rows}, {'d' if cols is None else cols}]"
    if not isinstance(x, Tensor) or x.dim() != 2 or not x.is_floating_point():
        raise ValueError(f"'{name}' must be a floating point tensor of shape {expected} (got {describe(x)})")
    if x.layout != torch.strided or x.is_nested:
        layout = "nested" if x.is_nested else x.layout
        raise ValueError(f"'{name}' must be a dense tensor of shape {expected} (got layout {layout})")
    if finite:
        check_has_values(name, x)
    if x.dtype.itemsize < 2:  # which nothing computes in
        raise ValueError(f"'{name}' must be of 16 bits or more (got {describe(x)})")
    if (rows is not None and x.size(0) != rows) or (cols is not None and x.size(1) != cols) or x.size(1) == 0:
        raise ValueError(f"'{name}' must have shape {expected} (got {describe(x)})")
    return check_finite(name, x) if finite else x


def check_has_values(name: str, x: Tensor) -> Tensor:
    """Returns the tensor ``x`` unless it is on device meta, and raises a :class:`ValueError` otherwise."""
    if x.is_meta:
        raise ValueError(f"'{name}' must have values (got a tensor on device meta)")
    return x


def check_values(name: str, x: Tensor) -> Tensor:
    """Returns ``x`` if it has values that are finite, as far as they are looked at, and raises a :class:`ValueError`
    otherwise."""
    return check_finite(name, x) if looks_at(x) else check_has_values(name, x)


def check_finite(name: str, x: Tensor) -> Tensor:
    """Returns the dense tensor ``x`` if no entry is NaN or infinite, and raises a :class:`ValueError` otherwise."""
    # A sum tells NaN and infinity at a tenth of the cost of looking at each entry; large finite entries may overflow
    # it.
    if not bool(torch.isfinite(x.detach().sum(dtype=torch.promote_types(x.dtype, torch.float32)))):
        bad = int((~torch.isfinite(x)).sum())
        if bad:
            raise ValueError(f"'{name}' must be finite (got {bad} NaN or infinite entries)")
    return x


def is_number(value: Any, kind: type = Real) -> bool:
    """Whether ``value`` is a number of a kind, Python's or NumPy's; booleans are none."""
    return isinstance(value, kind) and not isinstance(value, bool)


@overload
def check_positive(name: str, value: Any, learnable: Literal[False] = False) -> float: ...


@overload
def check_positive(name: str, value: Any, learnable: bool) -> float | Tensor: ...


def check_positive(name: str, value: Any, learnable: bool = False) -> float | Tensor:
    """Returns ``value`` if it is a positive number (or a scalar tensor), and raises a :class:`ValueError` otherwise.

    Args:
        name (str): Name of the argument, for the message.
        value: The value to check.
        learnable (bool, optional): Whether a tensor that requires a gradient gets one; where it would not, it is
            refused. (default: ``False``)
    """
    number = value if type(value) is float else number_of(value)
    # Within float32, and with an inverse there: scales and temperatures are divided by.
    # 'float' first: what asks an abstract class takes ten times as long, and a loss asks in every step.
    if not (type(number) is float or is_number(number)) or not 1e-37 < number < 1e37:
        raise ValueError(f"'{name}' must be a positive number (got {describe(value)})")
    return value if learnable else check_constant(name, value)


def check_constant(name: str, value: Any) -> Any:
    """Returns ``value`` unless it is a tensor that requires a gradient, which it would not get: then it raises a
    :class:`ValueError`."""
    if isinstance(value, Tensor) and value.requires_grad:
        wanted = "a number" if value.numel() == 1 else "constant"
        raise ValueError(f"'{name}' must be {wanted}: it is not learned (got a tensor that requires a gradient)")
    return value


def number_of(value: Any) -> Any:
    """The number that a scalar tensor holds; anything else as it is."""
    return value.detach().item() if isinstance(value, Tensor) and value.numel() == 1 else value


@overload
def check_number(
    name: str,
    value: Any,
    least: float = ...,
    most: float = ...,
    *,
    above: float = ...,
    below: float = ...,
    optional: Literal[False] = False,
) -> float: ...


@overload
def check_number(
    name: str,
    value: Any,
    least: float = ...,
    most: float = ...,
    *,
    above: float = ...,
    below: float = ...,
    optional: bool,
) -> float | None: ...


def check_number(
    name: str,
    value: Any,
    least: float = -math.inf,
    most: float = math.inf,
    *,
    above: float = -math.inf,
    below: float = math.inf,
    optional: bool = False,
) -> float | None:
    """Returns ``value`` if it is a finite number within bounds, and raises a :class:`ValueError` otherwise.

    Args:
        name (str): Name of the argument, for the message.
        value: The value to check.
        least (float, optional): The smallest that is allowed. (default: ``-math.inf``)
        most (float, optional): The largest that is allowed. (default: ``math.inf``)
        above (float, optional): The smallest that is too small. (default: ``-math.inf``)
        below (float, optional): The largest that is too large. (default: ``math.inf``)
        optional (bool, optional): Also allow None. (default: ``False``)
    """
    if optional and value is None:
        return None
    check_constant(name, value)
    if not is_number(value) or not (least <= value <= most and above < value < below):
        lower = [f"at least {least:g}"] * (least > -math.inf) + [f"above {above:g}"] * (above > -math.inf)
        upper = [f"at most {most:g}"] * (most < math.inf) + [f"below {below:g}"] * (below < math.inf)
        expected = ", ".join(["a finite number", *lower, *upper]) + " or None" * optional
        raise ValueError(f"'{name}' must be {expected} (got {describe(value)})")
    return value


def check_seed(name: str, value: Any, bits: int = 63) -> int:
    """Returns ``value`` as an integer if it is a seed, not negative and of so many bits, and raises a
    :class:`ValueError` otherwise."""
    if not is_number(value, Integral) or not 0 <= value < 2**bits:
        raise ValueError(f"'{name}' must be an integer from 0 to 2^{bits} - 1 (got {describe(value)})")
    return int(value)


@overload
def check_count(
    name: str, value: Any, least: int = ..., most: float = ..., *, optional: Literal[False] = False
) -> int: ...


@overload
def check_count(name: str, value: Any, least: int = ..., most: float = ..., *, optional: bool) -> int | None: ...


def check_count(name: str, value: Any, least: int = 1, most: float = math.inf, *, optional: bool = False) -> int | None:
    """Returns ``value`` as an integer if it is one within bounds, and raises a :class:`ValueError` otherwise.

    Args:
        name (str): Name of the argument, for the message.
        value: The value to check.
        least (int, optional): The smallest that is allowed. (default: ``1``)
        most (int, optional): The largest that is allowed. (default: ``math.inf``)
        optional (bool, optional): Also allow None. (default: ``False``)
    """
    if optional and value is None:
        return None
    if not is_number(value, Integral) or not least <= value <= most:
        known = {0: "an integer, zero or more", 1: "a positive integer"}
        expected = known.get(least, f"an integer of at least {least}")
        expected = f"an integer from {least} to {most}" if most < math.inf else expected
        raise ValueError(f"'{name}' must be {expected}{' or None' * optional} (got {describe(value)})")
    return int(value)


def check_probability(name: str, value: Any) -> float:
    """Returns ``value`` if it is a number from 0 to 1, and raises a :class:`ValueError` otherwise."""
    if not is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"'{name}' must be a probability between 0 and 1 (got {describe(value)})")
    return float(value)


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """Returns ``value`` if it is one of ``choices``, and raises a :class:`ValueError` otherwise."""
    if value not in choices:
        raise ValueError(f"'{name}' must be one of {', '.join(map(repr, choices))} (got {value!r})")
    return value


def is_integer(value: Any) -> bool:
    """Whether ``value`` is a tensor of whole numbers, signed or not; booleans are none."""
    if not isinstance(value, Tensor):
        return False
    dtype = value.dtype
    return not (dtype == torch.bool or dtype.is_floating_point or dtype.is_complex or value.is_quantized)


def as_int64(value: Any) -> Any:
    """A tensor of integers as int64, anything else as it is: products of indices would overflow in smaller ones."""
    return value.to(torch.int64) if is_integer(value) and value.dtype != torch.int64 else value


def check_index(name: str, value: Any, *shape: int | str) -> Tensor:
    """Returns ``value`` as int64 if it is an integer tensor of a shape, and raises a :class:`ValueError` otherwise.

    Smaller integers are widened here, where they enter: products of indices would overflow in them.

    Args:
        name (str): Name of the argument, for the message.
        value: The value to check.
        *shape (int or str): The size of each dimension; a string stands for any size.
    """
    fits = is_integer(value) and value.layout == torch.strided and value.dim() == len(shape)
    if not fits or any(isinstance(want, int) and want != got for want, got in zip(shape, value.shape)):
        expected = ", ".join(map(str, shape))
        raise ValueError(f"'{name}' must be an integer tensor of shape [{expected}] (got {describe(value)})")
    return as_int64(value)


def check_weights(name: str, value: Any, size: int, *, look: bool = True, signed: bool = False) -> Tensor:
    """Returns ``value`` if it holds a weight for each of some things, and raises a :class:`ValueError` otherwise.

    Args:
        name (str): Name of the argument, for the message.
        value: The value to check.
        size (int): The number of weights.
        look (bool, optional): Whether to look at the entries. (default: ``True``)
        signed (bool, optional): Whether weights may be negative. (default: ``False``)
    """
    number = isinstance(value, Tensor) and value.dtype != torch.bool and not value.is_complex()
    if not number or value.shape != (size,) or value.layout != torch.strided:
        raise ValueError(f"'{name}' must have shape [{size}] (got {describe(value)})")
    if look and size:
        low, high = (float(x) for x in value.detach().aminmax())  # both are NaN where one entry is
        if not (math.isfinite(low) and math.isfinite(high)) or (low < 0 and not signed):
            wrong = "NaN or infinite" if signed else "negative or NaN or infinite"
            raise ValueError(f"'{name}' must not be {wrong} (got values from {low} to {high})")
    return value


def check_edges(edge_index: Any, num_nodes: int, name: str = "edge_index") -> Tensor:
    """Returns ``edge_index`` as int64 if it holds edges between nodes, and raises a :class:`ValueError` otherwise.

    Args:
        edge_index: The value to check.
        num_nodes (int): The number of nodes.
        name (str, optional): Name of the argument, for the message. (default: ``"edge_index"``)
    """
    edge_index = check_index(name, edge_index, 2, "e").detach()
    return _check_range(name, edge_index, check_count("num_nodes", num_nodes, least=0))


def check_nodes(name: str, index: Any, num_nodes: int) -> Tensor:
    """Returns ``index`` [m] as int64 if it holds nodes of a graph, and raises a :class:`ValueError` otherwise.

    Args:
        name (str): Name of the argument, for the message.
        index: The value to check.
        num_nodes (int): The number of nodes.
    """
    return _check_range(name, check_index(name, index, "m"), num_nodes)


def _check_range(name: str, index: Tensor, num_nodes: int) -> Tensor:
    if index.numel():
        low, high = (int(value) for value in index.aminmax())
        if low < 0 or high >= num_nodes:
            nodes = f"nodes between 0 and {num_nodes - 1}" if num_nodes else "nothing where there are no nodes"
            raise ValueError(f"'{name}' must hold {nodes} (got {low} to {high})")
    return index
