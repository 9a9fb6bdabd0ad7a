"""Runs a module again with the random numbers and buffers of its first run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint, get_device_states, set_device_states

from gnnclr.ops.trees import leaves

#: A buffer: the module that it is of, its name, and what it held.
Buffer = tuple[nn.Module, str, Tensor]
#: Buffers of so many entries are kept without a look at what they hold, for which a GPU would wait.
SMALL = 2**16


class Repeatable:
    """Runs a module, and then again with the same result: the first call draws random numbers and writes into buffers
    as the module does; further ones, on the same inputs, draw the same numbers, find the buffers as the first did, and
    leave both as they are. So running statistics see a batch once.

    Args:
        module (torch.nn.Module): The module.
    """

    def __init__(self, module: nn.Module):
        self.module = module
        self._random: RandomState | None = None
        self._written: list[Buffer] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The output of the module."""
        with fresh_casts():
            if self._random is None:
                return self._first(*args, **kwargs)
            with self._random.again(), self._buffers():
                return self.module(*args, **kwargs)

    def _first(self, *args: Any, **kwargs: Any) -> Any:
        self._random = RandomState([*leaves((args, kwargs)), *self.module.parameters()])
        found = [
            (part, name, value.clone())
            for part in self.module.modules()
            for name, value in part._buffers.items()
            if value is not None
        ]
        output = self.module(*args, **kwargs)
        # Large constants, such as tables of positions, are not kept; versions do not tell, as batch normalization
        # writes without a new one.
        self._written = [
            (part, name, copy)
            for part, name, copy in found
            if copy.numel() <= SMALL or not torch.equal(copy, part._buffers[name])
        ]
        return output

    @contextmanager
    def _buffers(self) -> Iterator[None]:
        """Gives the module copies of what the first run found in the buffers that it wrote into."""
        now = [(part, name, part._buffers[name]) for part, name, _ in self._written]
        try:
            for part, name, copy in self._written:
                part._buffers[name] = copy.clone()
            yield
        finally:
            for part, name, value in now:
                part._buffers[name] = value


class RandomState:
    """The state of the generators of the CPU and of the devices of tensors.

    Args:
        tensors (list): The tensors.
    """

    def __init__(self, tensors: list[Any]):
        devices = {x.device: x for x in tensors if isinstance(x, Tensor) and x.device.type not in ("cpu", "meta")}
        self.type: str = next((device.type for device in devices), "cpu")
        self.cpu: Tensor = torch.get_rng_state()
        found, states = get_device_states(*devices.values()) if devices else ([], [])
        self.devices: list[int] = found
        self.states: list[Tensor] = states

    @contextmanager
    def again(self) -> Iterator[None]:
        """Draws the same numbers again, and leaves the generators as they are."""
        with torch.random.fork_rng(self.devices, device_type=self.type):
            torch.set_rng_state(self.cpu)
            if self.devices:
                set_device_states(self.devices, self.states, device_type=self.type)
            yield


@contextmanager
def fresh_casts() -> Iterator[None]:
    """Lets autocast cast weights anew: a cast that runs share would add up their gradients in half precision."""
    enabled = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(enabled)


def recomputed(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
    r"""The output of a module that keeps only its inputs for the backward pass, and runs again there, as in `"Training
    Deep Nets with Sublinear Memory Cost" <https://arxiv.org/abs/1604.06174>`_.

    Gradients are those of the module: the second run draws the same random numbers and leaves buffers alone.

    Args:
        module (torch.nn.Module): The module.
        *args (optional): Its arguments.
        **kwargs (optional): Its named arguments.
    """
    if not torch.is_grad_enabled():
        return module(*args, **kwargs)
    # The random state is kept by what is run.
    return checkpoint(Repeatable(module), *args, use_reentrant=False, preserve_rng_state=False, **kwargs)
