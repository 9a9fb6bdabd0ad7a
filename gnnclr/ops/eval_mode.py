"""Evaluation mode inside of a block."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


# Lightning's own guard of modes is private.
@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Puts a module in evaluation mode, and each of its parts back in the mode that it had.

    Args:
        module (torch.nn.Module): The module.
    """
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
