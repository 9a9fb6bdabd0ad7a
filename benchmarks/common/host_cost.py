"""What a function costs the host, whatever it computes: kernels that are launched, and Python frames."""

import sys
from collections.abc import Callable

from torch.utils._python_dispatch import TorchDispatchMode

#: Operations that launch nothing: views of memory that is there, and memory that is not filled.
NO_KERNEL = {
    "alias",
    "as_strided",
    "detach",
    "diagonal",
    "empty",
    "empty_like",
    "empty_strided",
    "expand",
    "new_empty",
    "new_empty_strided",
    "permute",
    "promote_types",
    "select",
    "slice",
    "split",
    "squeeze",
    "t",
    "transpose",
    "unbind",
    "unsqueeze",
    "view",
    "_reshape_alias",
    "_unsafe_view",
}


class _Kernels(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function.overloadpacket.__name__ not in NO_KERNEL
        return function(*args, **(kwargs or {}))


def count_kernels(run: Callable[[], object]) -> int:
    """The operations of a call that compute something."""
    with _Kernels() as kernels:
        run()
    return kernels.count


def count_frames(run: Callable[[], object]) -> int:
    """The calls of Python functions within a call, its own included; generators count each time they go on."""
    count = 0

    def watch(frame, event, argument):
        nonlocal count
        count += event == "call"

    sys.setprofile(watch)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count
