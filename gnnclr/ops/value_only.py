"""Whether a step computes an energy with its message, or the energy alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_VALUE_ONLY = ContextVar("value_only", default=False)


def value_only() -> bool:
    """Whether nobody asks for the message of this step, which costs two matrix products of three: layers and engines
    leave it out then, or may."""
    return _VALUE_ONLY.get()


@contextmanager
def set_value_only(mode: bool) -> Iterator[None]:
    """Sets what :func:`value_only` says in a block, in this thread.

    Args:
        mode (bool): Whether energies are wanted without messages.
    """
    token = _VALUE_ONLY.set(mode)
    try:
        yield
    finally:
        _VALUE_ONLY.reset(token)
